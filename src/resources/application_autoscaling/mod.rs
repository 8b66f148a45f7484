//! Application Auto Scaling of the tasks of a service and the readers of an Aurora cluster.

mod scalable_target;
mod scaling_policy;

pub use scalable_target::{ScalableTarget, ScalableTargetOutputs};
pub use scaling_policy::{Metric, ScalingPolicy, ScalingPolicyOutputs};

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use serde::{Deserialize, Serialize};

/// The scalable dimension of a resource.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The tasks of an ECS service, `service/cluster/service`.
    EcsTasks,
    /// The readers of an Aurora cluster, `cluster:identifier`.
    AuroraReaders,
}

impl Dimension {
    fn namespace(self) -> ServiceNamespace {
        match self {
            Dimension::EcsTasks => ServiceNamespace::Ecs,
            Dimension::AuroraReaders => ServiceNamespace::Rds,
        }
    }

    fn to_sdk(self) -> ScalableDimension {
        match self {
            Dimension::EcsTasks => ScalableDimension::EcsServiceDesiredCount,
            Dimension::AuroraReaders => ScalableDimension::RdsClusterReadReplicaCount,
        }
    }
}
