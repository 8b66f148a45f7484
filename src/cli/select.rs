//! The flags that select a part of the system.

use std::collections::BTreeSet;

use clap::Args;

use crate::engine::{Selection, StepId};

/// The flags for the steps to work on.
#[derive(Clone, Debug, Default, Args)]
pub struct SelectArgs {
    /// Only this step: with its dependencies when it is created, with its dependents when it is deleted; can be repeated
    #[arg(long, value_name = "STEP")]
    target: Vec<String>,
    /// Only the steps of this module, for example `blue/network`; like --target for each
    #[arg(long, value_name = "MODULE")]
    module: Vec<String>,
}

impl SelectArgs {
    /// The selected part; everything if no flag was given.
    pub fn selection(&self) -> Selection {
        Selection {
            targets: steps(&self.target),
            modules: self.module.iter().map(|module| module.trim_end_matches('/').to_owned()).collect(),
            replaced: BTreeSet::new(),
        }
    }
}

/// The flag for forced replacements.
#[derive(Clone, Debug, Default, Args)]
pub struct ReplaceArgs {
    /// Replace this step although it matches the configuration; can be repeated
    #[arg(long, value_name = "STEP")]
    replace: Vec<String>,
}

impl ReplaceArgs {
    /// Adds the forced replacements to a selection.
    pub fn add_to(&self, selection: Selection) -> Selection {
        Selection { replaced: steps(&self.replace), ..selection }
    }
}

fn steps(names: &[String]) -> BTreeSet<StepId> {
    names.iter().map(|name| name.as_str().into()).collect()
}
