use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::context::{Context, PlannedSystem};
use super::failure::Failure;
use super::refresh;
use super::saved_plan::SavedPlan;
use super::say::say;
use super::select::{ReplaceArgs, SelectArgs};
use super::{CHANGES, FAILED, Globals, Outcome, progress};
use crate::report;

/// `provisioner plan`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner plan --suffix dev1\n  provisioner plan --suffix dev1 --out dev1.plan\n  provisioner \
                        plan --suffix dev1 --refresh-only --detailed-exitcode --json"
)]
pub struct PlanCommand {
    /// Exit with 2 if there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Show only drift: how resources differ from the recorded state, whatever the configuration says
    #[arg(long, conflicts_with_all = ["out", "replace"])]
    refresh_only: bool,
    /// Save the plan, for `apply --plan FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    replace: ReplaceArgs,
}

impl PlanCommand {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let selection = self.replace.add_to(self.select.selection());
        if self.refresh_only {
            return refresh::run(globals, selection, self.detailed_exitcode).await;
        }
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        let planned = PlannedSystem::select(&context, connection, selection.clone()).await?;
        let PlannedSystem { connection, desired, plan, .. } = planned;
        if let Some(path) = &self.out {
            if let Some((step, error)) = plan.failures.first() {
                let message = format!("{step} can't be planned: {}", report::words::step_error(error));
                return Err(Failure::new(message, "no plan was saved: fix this first"));
            }
            plan.check_refusals()?;
            SavedPlan::new(&context, &connection, &desired, selection, &plan).write(path)?;
        }
        let (calls, seconds) = (connection.api_calls(), start.elapsed().as_secs_f64());
        if context.json() {
            report::plan::objects(&plan, &|command| context.command(command)).iter().for_each(progress::print_json);
            let mut summary = progress::counts(|action| plan.count(action));
            summary["type"] = "summary".into();
            summary["failed"] = (plan.failures.len() + plan.refusals.len()).into();
            summary["notes"] = json!(desired.notes);
            summary["api_calls"] = calls.into();
            summary["seconds"] = seconds.into();
            progress::print_json(&summary);
        } else {
            say!("{}", report::plan::tree(&plan, &connection.registry, &|command| context.command(command)).trim_end());
            let charges = report::plan::charges(&plan, &connection.registry);
            if !charges.is_empty() {
                say!("AWS charges for these resources while they exist:");
                charges.iter().for_each(|charge| say!("  {charge}"));
            }
            desired.notes.iter().for_each(|text| say!("Note: {text}"));
            let headline = report::plan::headline(&plan);
            say!("Plan: {headline}. {calls} API calls, {seconds:.1} s.");
            if let Some(path) = &self.out {
                say!("Saved: `provisioner apply --plan {}` applies exactly this plan or nothing.", path.display());
            }
        }
        Ok(match (plan.failures.is_empty() && plan.refusals.is_empty(), plan.has_changes() && self.detailed_exitcode) {
            (false, _) => ExitCode::from(FAILED),
            (true, true) => ExitCode::from(CHANGES),
            (true, false) => ExitCode::SUCCESS,
        })
    }
}
