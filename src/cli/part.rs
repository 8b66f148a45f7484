//! The flags that name a part of the system.

use std::collections::BTreeSet;

use clap::Args;

use crate::engine::{Selection, StepId};

/// Which part of the system.
#[derive(Clone, Debug, Default, Args)]
pub struct Part {
    /// Only this step, with what it needs if it is made, and what has to let go of it if it goes; may be given more than once
    #[arg(long, value_name = "STEP")]
    target: Vec<String>,
    /// Only the steps under this, like --target: `blue/network`
    #[arg(long, value_name = "MODULE")]
    module: Vec<String>,
}

impl Part {
    /// What was named.
    pub fn selection(&self) -> Selection {
        Selection {
            targets: steps(&self.target),
            modules: self.module.iter().map(|module| module.trim_end_matches('/').to_owned()).collect(),
            replaced: BTreeSet::new(),
        }
    }
}

/// The flag for what is made anew.
#[derive(Clone, Debug, Default, Args)]
pub struct ReplaceArgs {
    /// Make this step anew although it stands as wanted; may be given more than once
    #[arg(long, value_name = "STEP")]
    replace: Vec<String>,
}

impl ReplaceArgs {
    /// The same selection, with what is made anew.
    pub fn among(&self, selection: Selection) -> Selection {
        Selection { replaced: steps(&self.replace), ..selection }
    }
}

fn steps(names: &[String]) -> BTreeSet<StepId> {
    names.iter().map(|name| name.as_str().into()).collect()
}
