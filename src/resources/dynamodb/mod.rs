//! DynamoDB.

mod table;

pub use table::{Attribute, AttributeType, Table, TableOutputs};

crate::resources::tags::tag_type!(aws_sdk_dynamodb::types::Tag);
