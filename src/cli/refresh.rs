//! `provisioner plan --refresh-only`

use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;
use tokio::sync::watch;

use super::context::Context;
use super::say::say;
use super::{CHANGES, FAILED, Globals, Outcome, progress};
use crate::engine::Selection;
use crate::engine::graph::Graph;
use crate::report;
use crate::report::words;

/// Reports drift: how resources differ from the recorded state, whatever the configuration says.
pub async fn run(globals: &Globals, selection: Selection, detailed_exitcode: bool) -> Outcome {
    let start = Instant::now();
    let context = Context::load(globals).await?;
    let connection = context.connect(context.observer()).await?;
    let Some(state) = &connection.state else { return Err(context.no_state()) };
    let empty = Graph::new(Vec::new())?;
    selection.check(&empty, state)?;
    let (_stop, stopped) = watch::channel(false);
    let (drifted, failures) = connection.engine(&empty, stopped).selecting(selection).drift(state).await;
    let (calls, seconds) = (connection.api_calls(), start.elapsed().as_secs_f64());
    if context.json() {
        report::drift::objects(&drifted, &failures, &|command| context.command(command))
            .iter()
            .for_each(progress::print_json);
        progress::print_json(&json!({
            "type": "summary", "drifted": drifted.len(), "failed": failures.len(), "api_calls": calls, "seconds": seconds,
        }));
    } else {
        let text = report::drift::text(&drifted, &failures, &|command| context.command(command));
        if !text.is_empty() {
            say!("{}", text.trim_end());
        }
        let verdict = match (drifted.len(), failures.len()) {
            (0, 0) => "none".to_owned(),
            (n, 0) => format!(
                "{} drifted; `{}` shows how apply corrects it",
                words::count(n, "step"),
                context.command("plan")
            ),
            (n, unknown) => format!("{} drifted, {unknown} can't be read", words::count(n, "step")),
        };
        say!("Drift: {verdict}. {calls} API calls, {seconds:.1} s.");
    }
    Ok(match (failures.is_empty(), !drifted.is_empty() && detailed_exitcode) {
        (false, _) => ExitCode::from(FAILED),
        (true, true) => ExitCode::from(CHANGES),
        (true, false) => ExitCode::SUCCESS,
    })
}
