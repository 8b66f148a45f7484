//! DynamoDB.

mod attribute;
mod global_index;
mod stream;
mod table;

pub use attribute::{Attribute, AttributeType};
pub use global_index::{GlobalIndex, Projection};
pub use stream::StreamView;
pub use table::{Table, TableOutputs};

crate::resources::tags::tag_type!(aws_sdk_dynamodb::types::Tag);
