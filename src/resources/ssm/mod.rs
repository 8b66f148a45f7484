//! Systems Manager: Parameter Store.

mod parameter;

pub use parameter::{Parameter, ParameterKind, ParameterOutputs};

crate::resources::tags::tag_type!(aws_sdk_ssm::types::Tag);
