//! CloudWatch Logs.

mod log_group;
mod metric_filter;
mod resource_policy;

pub use log_group::{LogGroup, LogGroupOutputs};
pub use metric_filter::{MetricFilter, MetricFilterOutputs};
pub use resource_policy::{ResourcePolicy, ResourcePolicyOutputs};
