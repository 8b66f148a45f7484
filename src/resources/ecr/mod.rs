//! Elastic Container Registry.

mod repository;

pub use repository::{Repository, RepositoryOutputs};

crate::resources::tags::tag_type!(aws_sdk_ecr::types::Tag);
