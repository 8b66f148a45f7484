use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::failure::Failure;
use super::{Globals, Outcome};
use crate::config;

/// `provisioner init`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner init --system lambda-mysql")]
pub struct Init {
    /// The system [default: the first one]
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

impl Init {
    pub fn run(self, globals: &Globals) -> Outcome {
        let systems = &globals.systems;
        let system = self.system.as_deref().unwrap_or(systems.first());
        let Some(configuration) = systems.configuration(system) else {
            let known = format!("the systems are {}", systems.names().join(", "));
            return Err(Failure::new(format!("there is no system {system:?}"), known));
        };
        let path = globals.config.clone().unwrap_or_else(|| PathBuf::from(config::FILE));
        if path.exists() && !self.force {
            return Err(Failure::new(
                format!("{} already exists", path.display()),
                "edit it, or set --force to overwrite it",
            ));
        }
        write(&path, configuration)?;
        eprintln!("wrote {}; next: provisioner plan --suffix dev1", path.display());
        Ok(ExitCode::SUCCESS)
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::new(format!("can't write {}: {error}", path.display()), "choose another file with --config")
    })
}
