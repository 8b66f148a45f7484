//! EventBridge: rules of the default event bus and their targets.

mod rule;
mod target;

pub use rule::{Rule, RuleOutputs};
pub use target::{RetryPolicy, Target, TargetOutputs};

crate::resources::tags::tag_type!(aws_sdk_eventbridge::types::Tag);
