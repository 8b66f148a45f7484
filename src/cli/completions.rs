use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Outcome};

/// `provisioner completions`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner completions bash > /etc/bash_completion.d/provisioner")]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Outcome {
        clap_complete::generate(self.shell, &mut Cli::command(), "provisioner", &mut std::io::stdout());
        Ok(ExitCode::SUCCESS)
    }
}
