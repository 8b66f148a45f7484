//! What most resource files use: `use crate::resources::prelude::*;`.
//!
//! A type of your own takes it from the crate: `use provisioner::resources::prelude::*;`.

pub use std::sync::Arc;

pub use serde::{Deserialize, Serialize};
pub use serde_json::{Value, json};

pub use super::document::Document;
pub use super::form::{Form, Tagging, properties};
pub use super::ids::*;
pub use super::pages::all_pages;
pub use super::{Changes, Found, Immutable, Resource, TypeInfo, minutes, seconds};
pub use crate::aws::wait::{Patience, ignore_not_found};
pub use crate::aws::{Class, Cx, Error, Result};
pub use crate::engine::Tags;
