//! All resource types.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bound::Bound;
use super::{Resource, ec2, iam, sqs};
use crate::aws::cx::Shared;
use crate::engine::{Operations, Provider, StepError};

/// The types of this build, bound to a run.
pub struct Registry {
    types: BTreeMap<&'static str, Box<dyn Operations>>,
}

impl Provider for Registry {
    fn operations(&self, kind: &str) -> std::result::Result<&dyn Operations, StepError> {
        let known = self.types.get(kind).map(AsRef::as_ref);
        known.ok_or_else(|| {
            StepError::new(format!("this provisioner doesn't know the resource type {kind}"))
                .with_help("use the provisioner that wrote the state file")
        })
    }
}

macro_rules! registry {
    ($($resource:ty,)*) => {
        impl Registry {
            /// Binds all types to a run.
            pub fn new(shared: &Arc<Shared>) -> Self {
                let mut types: BTreeMap<&'static str, Box<dyn Operations>> = BTreeMap::new();
                $(types.insert(<$resource>::KIND, Box::new(Bound::<$resource>::new(shared.clone())));)*
                Registry { types }
            }

            /// The name of every type and the IAM actions that provisioner needs for it.
            pub fn actions() -> BTreeMap<&'static str, &'static [&'static str]> {
                BTreeMap::from([$((<$resource>::KIND, <$resource>::ACTIONS),)*])
            }
        }
    };
}

registry! {
    ec2::Vpc,
    iam::Role,
    sqs::Queue,
}
