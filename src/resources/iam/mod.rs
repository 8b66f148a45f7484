//! Identity and Access Management: global, whatever the region of the step.

mod role;

pub use role::{Role, RoleOutputs};

crate::resources::tags::tag_type!(aws_sdk_iam::types::Tag);
