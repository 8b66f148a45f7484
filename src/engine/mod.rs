//! Walks a dependency-ordered graph of steps: what is wanted, what stands, what has to be done.
//!
//! The engine knows steps, their JSON specs and their outputs. It knows nothing of AWS: all that touches the world
//! goes through [`Operations`].

pub mod diff;
pub mod drift;
pub mod events;
pub mod execute;
pub mod graph;
pub mod import;
pub mod operations;
pub mod ownership;
pub mod plan;
mod recover;
pub mod reference;
pub mod refusal;
pub mod schedule;
pub mod selection;
pub mod step;
pub mod type_info;

pub use diff::FieldChange;
pub use events::{Event, Observer};
pub use operations::{Observed, Operations, Provider, StepError, Target};
pub use plan::{Action, Plan};
pub use refusal::{Refusal, RefusedChange};
pub use selection::Selection;
pub use step::{Step, StepId, Tags};
pub use type_info::{Immutable, TypeInfo};
