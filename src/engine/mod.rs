//! Plans and executes a graph of steps: compares desired with actual state, and makes the changes in dependency order.
//!
//! The engine knows steps, their JSON specs and their outputs. It knows no AWS: every read and every change goes through
//! [`Operations`]. It knows no command line either: its errors carry an [`Advice`], which `report::advice` puts into words.

pub mod advice;
mod compare;
mod context;
pub mod diff;
pub mod drift;
pub mod error;
pub mod events;
pub mod execute;
pub mod graph;
pub mod import;
mod keep;
mod limit;
pub mod operations;
pub mod ownership;
pub mod plan;
mod planner;
mod progress;
mod recover;
pub mod reference;
pub mod refusal;
mod removals;
pub mod safety;
pub mod schedule;
pub mod selection;
pub mod step;
pub mod type_info;
mod unmanaged;
mod work;

pub use advice::Advice;
pub use context::EngineContext;
pub use diff::FieldChange;
pub use error::StepError;
pub use events::{Event, Observer};
pub use operations::{Observed, Operations, Provider, Target};
pub use plan::{Action, Plan};
pub use refusal::RefusedChange;
pub use selection::Selection;
pub use step::{Step, StepId, Tags};
pub use type_info::{Immutable, Refusal, TypeInfo};
