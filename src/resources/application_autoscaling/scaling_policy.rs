use std::sync::Arc;

use aws_sdk_applicationautoscaling::types::{
    self, MetricType, PolicyType, PredefinedMetricSpecification, TargetTrackingScalingPolicyConfiguration,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Dimension;
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use crate::cloudformation::{Form, Tagging};
use crate::resources::ids::is_known;
use crate::resources::tags::Built;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A policy that scales so that a metric stays near a value. The alarms that it goes by are AWS's own.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// Up to 256 characters.
    pub name: String,
    /// What is scaled, as its scalable target gives it.
    pub resource: String,
    /// What is scaled of it.
    pub dimension: Dimension,
    /// What is kept near the value.
    pub metric: Metric,
    /// The value, in percent.
    pub target_value: f64,
    /// How long nothing is taken away after something was.
    pub scale_in_cooldown_seconds: i32,
    /// How long nothing is added after something was.
    pub scale_out_cooldown_seconds: i32,
}

/// What a policy goes by.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The processor time that a service's tasks use on average.
    EcsCpu,
    /// The memory that a service's tasks use on average.
    EcsMemory,
    /// The processor time that a cluster's readers use on average.
    AuroraReaderCpu,
}

/// What a scaling policy gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalingPolicyOutputs {
    /// Its ARN.
    pub arn: String,
}

impl Resource for ScalingPolicy {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "resource", "dimension"],
        ..TypeInfo::new(
            "application_autoscaling.scaling_policy",
            seconds(3),
            &[
                "application-autoscaling:DescribeScalingPolicies",
                "application-autoscaling:PutScalingPolicy",
                "application-autoscaling:DeleteScalingPolicy",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:DeleteAlarms",
            ],
        )
    };

    type Outputs = ScalingPolicyOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ScalingPolicyOutputs>) -> Result<Option<Found<Self>>> {
        if known.is_none() && !is_known(&self.resource) {
            return Ok(None);
        }
        let dimension = known.and_then(|known| parts(&known.arn)).map_or(self.dimension, |(dimension, ..)| dimension);
        let all = all(cx, dimension).await?;
        let is_this = |policy: &&types::ScalingPolicy| match known {
            Some(known) => policy.policy_arn() == known.arn,
            None => {
                let place = (policy.resource_id(), policy.scalable_dimension(), policy.policy_name());
                place == (self.resource.as_str(), &dimension.to_sdk(), self.name.as_str())
            }
        };
        let Some(policy) = all.iter().find(is_this) else { return Ok(None) };
        let outputs = ScalingPolicyOutputs { arn: policy.policy_arn().to_owned() };
        Ok(Some(Found::child(as_standing(policy, dimension)?, outputs)))
    }

    async fn create(&self, cx: &Cx) -> Result<ScalingPolicyOutputs> {
        let metric = PredefinedMetricSpecification::builder().predefined_metric_type(self.metric.to_sdk());
        let tracking = TargetTrackingScalingPolicyConfiguration::builder()
            .predefined_metric_specification(metric.build().built())
            .target_value(self.target_value)
            .scale_in_cooldown(self.scale_in_cooldown_seconds)
            .scale_out_cooldown(self.scale_out_cooldown_seconds);
        let request = cx.scaling.put_scaling_policy().policy_name(&self.name);
        let request = request.service_namespace(self.dimension.namespace()).resource_id(&self.resource);
        let request = request.scalable_dimension(self.dimension.to_sdk());
        let request = request.policy_type(PolicyType::TargetTrackingScaling);
        let request = request.target_tracking_scaling_policy_configuration(tracking.build().built());
        let put = || async { Ok(request.clone().send().await?) };
        let is_new = |error: &Error| {
            matches!(error.class, Class::NotFound | Class::Retryable) || error.is_code("FailedResourceAccessException")
        };
        let answer = cx.retry_while("the scalable target to be ready", Patience::FRESH, is_new, put).await?;
        Ok(ScalingPolicyOutputs { arn: answer.policy_arn })
    }

    /// The call overwrites the whole policy.
    async fn update(&self, cx: &Cx, _: &Found<Self>, _: &Changes<'_>) -> Result<ScalingPolicyOutputs> {
        self.create(cx).await
    }

    /// Nothing of it is left where its scalable target is gone.
    async fn delete(cx: &Cx, outputs: &ScalingPolicyOutputs) -> Result<()> {
        let Some((dimension, resource, name)) = parts(&outputs.arn) else {
            return Err(Error::local(format!("{} is no ARN of a scaling policy", outputs.arn)));
        };
        let delete = || async {
            let request = cx.scaling.delete_scaling_policy().policy_name(name).resource_id(resource);
            let request = request.service_namespace(dimension.namespace()).scalable_dimension(dimension.to_sdk());
            Ok(request.send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("another change of the scalable target to end", delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy.html>
    fn cloudformation(&self) -> Form {
        let ScalingPolicy {
            name,
            resource,
            dimension,
            metric,
            target_value,
            scale_in_cooldown_seconds,
            scale_out_cooldown_seconds,
        } = self;
        let policy = json!({
            "PolicyName": name,
            "PolicyType": PolicyType::TargetTrackingScaling.as_str(),
            "ServiceNamespace": dimension.namespace().as_str(),
            "ScalableDimension": dimension.to_sdk().as_str(),
            "ResourceId": resource,
            "TargetTrackingScalingPolicyConfiguration": {
                "PredefinedMetricSpecification": {"PredefinedMetricType": metric.to_sdk().as_str()},
                "TargetValue": target_value,
                "ScaleInCooldown": scale_in_cooldown_seconds,
                "ScaleOutCooldown": scale_out_cooldown_seconds,
            },
        });
        let form = Form::resource("AWS::ApplicationAutoScaling::ScalingPolicy", policy).tagged(Tagging::None);
        form.output("arn", Form::reference())
    }
}

fn as_standing(policy: &types::ScalingPolicy, dimension: Dimension) -> Result<ScalingPolicy> {
    let name = policy.policy_name();
    let tracking = policy.target_tracking_scaling_policy_configuration();
    let metric = tracking.and_then(|tracking| tracking.predefined_metric_specification());
    let metric = metric.and_then(|metric| Metric::from_sdk(metric.predefined_metric_type()));
    let (Some(tracking), Some(metric)) = (tracking, metric) else {
        return Err(Error::local(format!("the scaling policy {name} goes by another metric than provisioner knows"))
            .with_help("delete that policy: the next apply makes it as it is asked for"));
    };
    Ok(ScalingPolicy {
        name: name.to_owned(),
        resource: policy.resource_id().to_owned(),
        dimension,
        metric,
        target_value: tracking.target_value(),
        scale_in_cooldown_seconds: tracking.scale_in_cooldown().unwrap_or_default(),
        scale_out_cooldown_seconds: tracking.scale_out_cooldown().unwrap_or_default(),
    })
}

impl Metric {
    fn to_sdk(self) -> MetricType {
        match self {
            Metric::EcsCpu => MetricType::EcsServiceAverageCpuUtilization,
            Metric::EcsMemory => MetricType::EcsServiceAverageMemoryUtilization,
            Metric::AuroraReaderCpu => MetricType::RdsReaderAverageCpuUtilization,
        }
    }

    fn from_sdk(metric: &MetricType) -> Option<Self> {
        let all = [Metric::EcsCpu, Metric::EcsMemory, Metric::AuroraReaderCpu];
        all.into_iter().find(|one| one.to_sdk() == *metric)
    }
}

/// What its ARN tells of a policy: `arn:…:scalingPolicy:uuid:resource/ecs/service/…:policyName/name`.
fn parts(arn: &str) -> Option<(Dimension, &str, &str)> {
    let (before, name) = arn.split_once(":policyName/")?;
    let (_, place) = before.split_once(":resource/")?;
    let (namespace, resource) = place.split_once('/')?;
    let all = [Dimension::EcsTasks, Dimension::AuroraReaders];
    let dimension = all.into_iter().find(|dimension| dimension.namespace().as_str() == namespace)?;
    Some((dimension, resource, name))
}

async fn all(cx: &Cx, dimension: Dimension) -> Result<Arc<Vec<types::ScalingPolicy>>> {
    let namespace = dimension.namespace();
    let load = async {
        let request = cx.scaling.describe_scaling_policies().service_namespace(namespace.clone());
        let mut pages = request.into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(policy) = pages.next().await {
            all.push(policy?);
        }
        Ok(all)
    };
    cx.inventory.once(format!("application_autoscaling.policies.{}", namespace.as_str()), load).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_policy_tells_what_it_scales() {
        let arn =
            |place: &str| format!("arn:aws:autoscaling:us-east-1:1:scalingPolicy:u:resource/{place}:policyName/cpu");
        let tasks = (Dimension::EcsTasks, "service/blue/api", "cpu");
        assert_eq!(parts(&arn("ecs/service/blue/api")), Some(tasks));
        assert_eq!(parts(&arn("rds/cluster:blue")), Some((Dimension::AuroraReaders, "cluster:blue", "cpu")));
        assert_eq!(parts("arn:aws:sqs:us-east-1:1:queue"), None);
    }
}
