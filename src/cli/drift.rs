//! `provisioner plan --refresh-only`

use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;
use tokio::sync::watch;

use super::context::Context;
use super::failure::Failure;
use super::say::say;
use super::{CHANGES, FAILED, Globals, Outcome, progress};
use crate::engine::Selection;
use crate::engine::graph::Graph;
use crate::report;
use crate::report::words;

/// Tells what has become other in AWS than it was left, whatever the configuration wants by now.
pub async fn tell(globals: &Globals, selection: Selection, detailed_exitcode: bool) -> Outcome {
    let start = Instant::now();
    let context = Context::load(globals).await?;
    let connection = context.connect(progress::observer(globals.json)).await?;
    let Some(state) = &connection.state else {
        let message = format!("there is no state {}", context.store.name(context.suffix.as_ref()));
        return Err(Failure::new(message, "check --suffix and --state; `provisioner recover` rebuilds a lost one"));
    };
    let nothing = Graph::new(Vec::new())?;
    selection.check(&nothing, state)?;
    let (_stop, stopped) = watch::channel(false);
    let (drifted, failures) = connection.world(&nothing, stopped).selecting(selection).drift(state).await;
    let (calls, seconds) = (connection.api_calls(), start.elapsed().as_secs_f64());
    if globals.json {
        report::drift::objects(&drifted, &failures).iter().for_each(progress::print_json);
        progress::print_json(&json!({
            "type": "summary", "drifted": drifted.len(), "failed": failures.len(), "api_calls": calls, "seconds": seconds,
        }));
    } else {
        let text = report::drift::text(&drifted, &failures);
        if !text.is_empty() {
            say!("{}", text.trim_end());
        }
        let verdict = match (drifted.len(), failures.len()) {
            (0, 0) => "all stands as it was left".to_owned(),
            (n, 0) => format!(
                "{} other than left; `provisioner plan` shows what apply does about it",
                words::count(n, "step")
            ),
            (n, unknown) => format!("{} other than left, {unknown} can't be told", words::count(n, "step")),
        };
        say!("Drift: {verdict}. {calls} API calls, {seconds:.1} s.");
    }
    Ok(match (failures.is_empty(), !drifted.is_empty() && detailed_exitcode) {
        (false, _) => ExitCode::from(FAILED),
        (true, true) => ExitCode::from(CHANGES),
        (true, false) => ExitCode::SUCCESS,
    })
}
