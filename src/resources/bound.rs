//! Joins a typed [`Resource`] to the engine's untyped [`Operations`].

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Found, Resource, outcome};
use crate::aws::Cx;
use crate::aws::cx::Shared;
use crate::engine::{FieldChange, Observed, Operations, Refusal, Step, StepError, Tags, Target, TypeInfo, reference};

/// The operations of one type, bound to a run.
pub struct Bound<R> {
    shared: Arc<Shared>,
    resource: PhantomData<fn() -> R>,
}

impl<R: Resource> Bound<R> {
    /// Binds the type to a run.
    pub fn new(shared: Arc<Shared>) -> Self {
        Bound { shared, resource: PhantomData }
    }

    fn cx(&self, step: &Step, token: &str) -> Cx {
        Cx::new(self.shared.clone(), &step.region, step.id.clone(), step.tags.clone(), token.to_owned())
    }
}

#[async_trait]
impl<R: Resource> Operations for Bound<R> {
    fn type_info(&self) -> TypeInfo {
        R::TYPE
    }

    fn canonical(&self, spec: &Value) -> Result<Value, StepError> {
        write(&read::<R>(spec)?)
    }

    fn hourly_charge(&self, spec: &Value) -> Option<String> {
        read::<R>(spec).ok().and_then(|spec| spec.hourly_charge())
    }

    fn outputs_for(&self, id: &str) -> Value {
        let symbolic = serde_json::to_value(reference::symbolic::<R::Outputs>(&"".into())).unwrap_or_default();
        symbolic.as_object().into_iter().flatten().map(|(field, _)| (field.clone(), Value::from(id))).collect()
    }

    async fn observe(&self, target: Target<'_>) -> Result<Option<Observed>, StepError> {
        let spec: R = read(&target.step.spec)?;
        // Outputs of an older build may lack a field: then the resource is found by its name or tags.
        let known: Option<R::Outputs> = target.known.and_then(|known| read(known).ok());
        let cx = self.cx(target.step, target.token).replacing(target.predecessor);
        let found = spec.observe(&cx, known.as_ref()).await?;
        found.map(observed).transpose()
    }

    async fn create(&self, target: Target<'_>) -> Result<Value, StepError> {
        let spec: R = read(&target.step.spec)?;
        let cx = self.cx(target.step, target.token).replacing(target.predecessor);
        write(&outcome::create(&spec, target.step, &cx).await?)
    }

    async fn update(
        &self,
        target: Target<'_>,
        observed: &Observed,
        changes: &[FieldChange],
    ) -> Result<Value, StepError> {
        let spec: R = read(&target.step.spec)?;
        let found = Found::<R> {
            spec: read(&observed.spec)?,
            outputs: read(&observed.outputs)?,
            ownership: observed.ownership.clone(),
            live: observed.live.clone(),
        };
        write(&outcome::update(&spec, &self.cx(target.step, target.token), &found, changes).await?)
    }

    async fn tag(&self, step: &Step, outputs: &Value, set: &Tags, remove: &[String]) -> Result<(), StepError> {
        Ok(R::tag(&self.cx(step, ""), &read(outputs)?, set, remove).await?)
    }

    fn check_transition(&self, desired: &Value, actual: &Value) -> Result<Option<Refusal>, StepError> {
        Ok(read::<R>(desired)?.check_transition(&read(actual)?).err())
    }

    async fn delete(&self, step: &Step, outputs: &Value) -> Result<(), StepError> {
        Ok(R::delete(&self.cx(step, ""), &read(outputs)?).await?)
    }
}

fn observed<R: Resource>(found: Found<R>) -> Result<Observed, StepError> {
    Ok(Observed {
        spec: write(&found.spec)?,
        outputs: write(&found.outputs)?,
        ownership: found.ownership,
        live: found.live,
    })
}

/// The typed form of a spec or of outputs.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, StepError> {
    T::deserialize(value).map_err(|e| StepError::new(format!("{} can't be read: {e}", std::any::type_name::<T>())))
}

fn write<T: Serialize>(value: &T) -> Result<Value, StepError> {
    serde_json::to_value(value).map_err(|e| StepError::new(format!("{}: {e}", std::any::type_name::<T>())))
}
