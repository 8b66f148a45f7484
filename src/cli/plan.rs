use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::context::{Context, Picture};
use super::drift;
use super::failure::Failure;
use super::part::{Part, ReplaceArgs};
use super::saved_plan::SavedPlan;
use super::say::say;
use super::{CHANGES, FAILED, Globals, Outcome, progress};
use crate::report;

/// `provisioner plan`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner plan --suffix dev1\n  provisioner plan --suffix dev1 --out dev1.plan\n  provisioner \
                        plan --suffix dev1 --refresh-only --detailed-exitcode --json"
)]
pub struct PlanCommand {
    /// Exit with 2 if there is anything to do
    #[arg(long)]
    detailed_exitcode: bool,
    /// Show only what has become other in AWS than it was left, whatever the configuration wants by now
    #[arg(long, conflicts_with_all = ["out", "replace"])]
    refresh_only: bool,
    /// Save the plan, for `apply --plan FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    anew: ReplaceArgs,
}

impl PlanCommand {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let selection = self.anew.among(self.part.selection());
        if self.refresh_only {
            return drift::tell(globals, selection, self.detailed_exitcode).await;
        }
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(progress::observer(globals.json)).await?;
        let Picture { connection, wanted, plan, .. } = Picture::of(&context, connection, selection.clone()).await?;
        if let Some(path) = &self.out {
            if let Some((step, error)) = plan.failures.first() {
                let message = format!("{step} can't be planned: {}", report::words::step_error(error));
                return Err(Failure::new(message, "no plan was saved: mend this first"));
            }
            SavedPlan::new(&context, &connection, &wanted, selection, &plan).write(path)?;
        }
        let (calls, seconds) = (connection.api_calls(), start.elapsed().as_secs_f64());
        if globals.json {
            report::plan::objects(&plan).iter().for_each(progress::print_json);
            let mut summary = progress::counts(|action| plan.count(action));
            summary["type"] = "summary".into();
            summary["failed"] = plan.failures.len().into();
            summary["notes"] = json!(wanted.notes);
            summary["api_calls"] = calls.into();
            summary["seconds"] = seconds.into();
            progress::print_json(&summary);
        } else {
            say!("{}", report::plan::tree(&plan, &connection.registry).trim_end());
            let charges = report::plan::charges(&plan, &connection.registry);
            if !charges.is_empty() {
                say!("What AWS charges for while it stands:");
                charges.iter().for_each(|charge| say!("  {charge}"));
            }
            wanted.notes.iter().for_each(|text| say!("Note: {text}"));
            let headline = report::plan::headline(&plan);
            say!("Plan: {headline}. {calls} API calls, {seconds:.1} s.");
            if let Some(path) = &self.out {
                say!("Saved: `provisioner apply --plan {}` does exactly this, or nothing.", path.display());
            }
        }
        Ok(match (plan.failures.is_empty(), plan.has_changes() && self.detailed_exitcode) {
            (false, _) => ExitCode::from(FAILED),
            (true, true) => ExitCode::from(CHANGES),
            (true, false) => ExitCode::SUCCESS,
        })
    }
}
