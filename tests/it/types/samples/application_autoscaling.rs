use provisioner::modules::Scope;
use provisioner::resources::application_autoscaling::{Dimension, Metric, ScalableTarget, ScalingPolicy};

use super::ecs::scalable;
use super::rds::scalable_cluster;
use crate::types::{Sample, Samples};

impl Sample for ScalableTarget {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (orders, refunds) = (scalable(scope, "orders", 2), scalable(scope, "refunds", 3));
        let readers = scalable_cluster(scope);
        let first = ScalableTarget {
            resource: orders,
            dimension: Dimension::EcsTasks,
            min_capacity: 1,
            max_capacity: 3,
            suspended: false,
        };
        Samples::of(first)
            .changing(|target| target.min_capacity = 2)
            .changing(|target| target.max_capacity = 6)
            .changing(|target| target.suspended = true)
            .changing(|target| target.resource = refunds)
            .changing(|target| (target.resource, target.dimension) = (readers, Dimension::AuroraReaders))
    }
}

impl Sample for ScalingPolicy {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let target = |name: &str, resource: String, dimension| {
            let target = ScalableTarget { resource, dimension, min_capacity: 1, max_capacity: 3, suspended: false };
            scope.add(&format!("target-{name}"), target).resource
        };
        let [orders, refunds] = [("orders", 2), ("refunds", 3)]
            .map(|(name, number)| target(name, scalable(scope, name, number), Dimension::EcsTasks));
        let readers = target("readers", scalable_cluster(scope), Dimension::AuroraReaders);
        let first = ScalingPolicy {
            name: scope.name("processor"),
            resource: orders,
            dimension: Dimension::EcsTasks,
            metric: Metric::EcsCpu,
            target_value: 60.0,
            scale_in_cooldown_seconds: 300,
            scale_out_cooldown_seconds: 60,
        };
        Samples::of(first)
            .changing(|policy| policy.metric = Metric::EcsMemory)
            .changing(|policy| policy.target_value = 72.5)
            .changing(|policy| policy.scale_in_cooldown_seconds = 600)
            .changing(|policy| policy.scale_out_cooldown_seconds = 0)
            .changing(|policy| policy.name = scope.name("memory"))
            .changing(|policy| policy.resource = refunds)
            .changing(|policy| {
                policy.resource = readers;
                (policy.dimension, policy.metric) = (Dimension::AuroraReaders, Metric::AuroraReaderCpu);
            })
    }
}
