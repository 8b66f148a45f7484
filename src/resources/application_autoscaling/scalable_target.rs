use std::collections::HashMap;

use aws_sdk_applicationautoscaling::types::{self, SuspendedState};

use super::Dimension;
use crate::resources::prelude::*;
use crate::resources::{rds, tags};

/// The prefix of the ids of Aurora clusters.
const CLUSTER: &str = "cluster:";

/// A scalable target: a resource that Application Auto Scaling scales, with its limits. AWS uses its service-linked role.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalableTarget {
    /// `service/cluster/service` or `cluster:identifier`.
    pub resource: String,
    /// The dimension that is scaled.
    pub dimension: Dimension,
    /// The minimum.
    #[serde(rename = "least")]
    pub min_capacity: i32,
    /// The maximum.
    #[serde(rename = "most")]
    pub max_capacity: i32,
    /// Scaling is suspended.
    pub suspended: bool,
}

/// The outputs of a scalable target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalableTargetOutputs {
    /// Its ARN.
    pub arn: String,
    /// The scaled resource.
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
            min_capacity: target.min_capacity(),
            max_capacity: target.max_capacity(),
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
        tags::change(
            set,
            remove,
            |set| cx.scaling.tag_resource().resource_arn(arn).set_tags(Some(set.clone().into_iter().collect())).send(),
            |keys| cx.scaling.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send(),
        )
        .await
    }

    /// Also deletes the readers that scaling added to a cluster: AWS keeps them, and they block the deletion of the cluster.
    async fn delete(cx: &Cx, outputs: &ScalableTargetOutputs) -> Result<()> {
        let dimension = dimension_of(&outputs.resource);
        let delete = || async {
            let request = cx.scaling.deregister_scalable_target().service_namespace(dimension.namespace());
            let request = request.scalable_dimension(dimension.to_sdk()).resource_id(&outputs.resource);
            Ok(request.send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("another change of the scalable target to complete", delete).await)?;
        match outputs.resource.strip_prefix(CLUSTER) {
            Some(cluster) => rds::delete_scaled_readers(cx, cluster).await,
            None => Ok(()),
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalabletarget.html>
    fn cloudformation(&self) -> Form {
        let target = properties!(self, ScalableTarget {
            dimension => "ServiceNamespace": dimension.namespace().as_str(),
            "ScalableDimension": dimension.to_sdk().as_str(),
            resource => "ResourceId",
            min_capacity => "MinCapacity",
            max_capacity => "MaxCapacity",
            suspended => "SuspendedState": json!({
                "DynamicScalingInSuspended": suspended,
                "DynamicScalingOutSuspended": suspended,
                "ScheduledScalingSuspended": suspended,
            }),
        });
        Form::resource("AWS::ApplicationAutoScaling::ScalableTarget", target)
            .tagged(Tagging::None)
            .gap("its tags")
            .output("resource", &self.resource)
    }
}

impl ScalableTarget {
    /// Creates or updates it and returns its ARN. AWS takes tags at creation only.
    async fn register(&self, cx: &Cx, tags: Option<HashMap<String, String>>) -> Result<String> {
        let suspended = SuspendedState::builder()
            .dynamic_scaling_in_suspended(self.suspended)
            .dynamic_scaling_out_suspended(self.suspended)
            .scheduled_scaling_suspended(self.suspended);
        let request = cx.scaling.register_scalable_target().service_namespace(self.dimension.namespace());
        let request = request.scalable_dimension(self.dimension.to_sdk()).resource_id(&self.resource);
        let request =
            request.min_capacity(self.min_capacity).max_capacity(self.max_capacity).suspended_state(suspended.build());
        let request = request.set_tags(tags);
        let register = || async { Ok(request.clone().send().await?) };
        // The code while the resource or the service-linked role isn't known everywhere, and for invalid input.
        let may_be_new = |error: &Error| error.is_code("ValidationException");
        let what = "Application Auto Scaling to know the resource";
        let register = || cx.retry_while(what, Patience::FRESH, may_be_new, register);
        let what = "another change of the scalable target to complete";
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

/// The dimension, according to the id of the resource.
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
