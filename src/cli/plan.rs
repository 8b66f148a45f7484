use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::context::{Context, Picture};
use super::say::say;
use super::{CHANGES, FAILED, Globals, Outcome, progress};
use crate::engine::Action;
use crate::report;

/// `provisioner plan`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner plan --suffix dev1 --detailed-exitcode")]
pub struct PlanCommand {
    /// Exit with 2 if there is anything to do
    #[arg(long)]
    detailed_exitcode: bool,
}

impl PlanCommand {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let Picture { connection, wanted, plan, .. } = Picture::take(&context, globals).await?;
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
        }
        let changes = plan.steps.iter().any(|planned| planned.action != Action::Unchanged) || !plan.removals.is_empty();
        Ok(match (plan.failures.is_empty(), changes && self.detailed_exitcode) {
            (false, _) => ExitCode::from(FAILED),
            (true, true) => ExitCode::from(CHANGES),
            (true, false) => ExitCode::SUCCESS,
        })
    }
}
