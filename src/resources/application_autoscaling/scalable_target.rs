use std::collections::HashMap;

use aws_sdk_applicationautoscaling::types::{self, SuspendedState};

use super::Dimension;
use crate::resources::{rds, tags};
use crate::resources::prelude::*;

/// What the ids of clusters begin with.
const CLUSTER: &str = "cluster:";

/// What Application Auto Scaling may scale, and how far. AWS uses a role of its own for it.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalableTarget {
    /// `service/cluster/service` or `cluster:identifier`.
    pub resource: String,
    /// What is scaled of it.
    pub dimension: Dimension,
    /// How few there may be.
    pub least: i32,
    /// How many there may be.
    pub most: i32,
    /// Nothing is scaled.
    pub suspended: bool,
}

/// What a scalable target gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalableTargetOutputs {
    /// Its ARN.
    pub arn: String,
    /// What is scaled.
    pub resource: String,
}

impl Resource for ScalableTarget {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["resource", "dimension"],
        ..TypeInfo::new(
            "application_autoscaling.scalable_target",
            seconds(3),
            &[
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:ListTagsForResource",
                "application-autoscaling:RegisterScalableTarget",
                "application-autoscaling:TagResource",
                "application-autoscaling:UntagResource",
                "application-autoscaling:DeregisterScalableTarget",
                "ecs:DescribeServices",
                "rds:DescribeDBClusters",
                "rds:DescribeDBInstances",
                "rds:DeleteDBInstance",
                "iam:CreateServiceLinkedRole",
            ],
        )
    };

    type Outputs = ScalableTargetOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ScalableTargetOutputs>) -> Result<Option<Found<Self>>> {
        let resource = known.map_or(&self.resource, |known| &known.resource);
        if !is_known(resource) {
            return Ok(None);
        }
        let dimension = dimension_of(resource);
        let all = all(cx, dimension).await?;
        let is_this = |target: &&types::ScalableTarget| {
            target.resource_id() == resource && *target.scalable_dimension() == dimension.to_sdk()
        };
        let Some(target) = all.iter().find(is_this) else { return Ok(None) };
        let arn = target.scalable_target_arn().unwrap_or_default().to_owned();
        let tags = tags_of(cx, &arn).await?;
        let spec = ScalableTarget {
            resource: resource.clone(),
            dimension,
            least: target.min_capacity(),
            most: target.max_capacity(),
            suspended: target.suspended_state().is_some_and(is_suspended),
        };
        Ok(Some(Found::tagged(spec, ScalableTargetOutputs { arn, resource: resource.clone() }, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<ScalableTargetOutputs> {
        let tags: HashMap<String, String> = cx.tags.clone().into_iter().collect();
        let arn = self.register(cx, Some(tags)).await?;
        Ok(ScalableTargetOutputs { arn, resource: self.resource.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<ScalableTargetOutputs> {
        self.register(cx, None).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &ScalableTargetOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &outputs.arn;
        if !set.is_empty() {
            let tags: HashMap<String, String> = set.clone().into_iter().collect();
            cx.scaling.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await?;
        }
        if !remove.is_empty() {
            cx.scaling.untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
        }
        Ok(())
    }

    /// With the readers that were added to a cluster: AWS leaves them there, and a cluster doesn't go while it has any.
    async fn delete(cx: &Cx, outputs: &ScalableTargetOutputs) -> Result<()> {
        let dimension = dimension_of(&outputs.resource);
        let delete = || async {
            let request = cx.scaling.deregister_scalable_target().service_namespace(dimension.namespace());
            let request = request.scalable_dimension(dimension.to_sdk()).resource_id(&outputs.resource);
            Ok(request.send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("another change of the scalable target to end", delete).await)?;
        match outputs.resource.strip_prefix(CLUSTER) {
            Some(cluster) => rds::delete_scaled_readers(cx, cluster).await,
            None => Ok(()),
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalabletarget.html>
    fn cloudformation(&self) -> Form {
        let ScalableTarget { resource, dimension, least, most, suspended } = self;
        let target = json!({
            "ServiceNamespace": dimension.namespace().as_str(),
            "ScalableDimension": dimension.to_sdk().as_str(),
            "ResourceId": resource,
            "MinCapacity": least,
            "MaxCapacity": most,
            "SuspendedState": {
                "DynamicScalingInSuspended": suspended,
                "DynamicScalingOutSuspended": suspended,
                "ScheduledScalingSuspended": suspended,
            },
        });
        Form::of("AWS::ApplicationAutoScaling::ScalableTarget", target)
            .tagged(Tagging::None)
            .lacks("its tags")
            .gives("resource", resource)
    }
}

impl ScalableTarget {
    /// Makes it or changes it; gives its ARN. Tags go with the call that makes it only.
    async fn register(&self, cx: &Cx, tags: Option<HashMap<String, String>>) -> Result<String> {
        let suspended = SuspendedState::builder()
            .dynamic_scaling_in_suspended(self.suspended)
            .dynamic_scaling_out_suspended(self.suspended)
            .scheduled_scaling_suspended(self.suspended);
        let request = cx.scaling.register_scalable_target().service_namespace(self.dimension.namespace());
        let request = request.scalable_dimension(self.dimension.to_sdk()).resource_id(&self.resource);
        let request = request.min_capacity(self.least).max_capacity(self.most).suspended_state(suspended.build());
        let request = request.set_tags(tags);
        let register = || async { Ok(request.clone().send().await?) };
        // What it says of what isn't known everywhere yet, its own role too, and of mistakes.
        let is_new = |error: &Error| error.is_code("ValidationException");
        let what = "Application Auto Scaling to know what it is to scale";
        let register = || cx.retry_while(what, Patience::FRESH, is_new, register);
        let what = "another change of the scalable target to end";
        let answer = cx.retry_while_retryable(what, register).await?;
        let missing = Error::incomplete("applicationautoscaling:RegisterScalableTarget", "ScalableTargetARN");
        answer.scalable_target_arn.ok_or(missing)
    }
}

fn is_suspended(state: &SuspendedState) -> bool {
    let parts =
        [state.dynamic_scaling_in_suspended, state.dynamic_scaling_out_suspended, state.scheduled_scaling_suspended];
    parts.contains(&Some(true))
}

/// The resource's id tells what is scaled.
fn dimension_of(resource: &str) -> Dimension {
    if resource.starts_with(CLUSTER) { Dimension::AuroraReaders } else { Dimension::EcsTasks }
}

async fn all(cx: &Cx, dimension: Dimension) -> Result<Arc<Vec<types::ScalableTarget>>> {
    let namespace = dimension.namespace();
    let load = async {
        let request = cx.scaling.describe_scalable_targets().service_namespace(namespace.clone());
        let pages = request.into_paginator();
        Ok(pages.items().send().try_collect().await?)
    };
    cx.inventory.once(format!("application_autoscaling.targets.{}", namespace.as_str()), load).await
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || async {
        let answer = cx.scaling.list_tags_for_resource().resource_arn(arn).send().await?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    })
    .await
}
