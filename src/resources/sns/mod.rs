//! Simple Notification Service.

mod subscription;
mod topic;

pub use subscription::{Subscription, SubscriptionOutputs};
pub use topic::{DeliveryLogging, Topic, TopicOutputs};

crate::resources::tags::tag_type!(aws_sdk_sns::types::Tag);
