use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::say::say;
use super::{Globals, Outcome};
use crate::report::drawing;

/// `provisioner graph`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner graph --format svg > graph.svg")]
pub struct Graph {
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
    /// Draw one node per module instead of one per step
    #[arg(long)]
    modules: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Dot,
    Mermaid,
    Svg,
}

impl Graph {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        let desired = context.compose(&connection).await?;
        let drawing = drawing::Drawing::new(&desired.graph, self.modules);
        let text = match self.format {
            Format::Dot => drawing.dot(),
            Format::Mermaid => drawing.mermaid(),
            Format::Svg => drawing.svg(),
        };
        say!("{}", text.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}
