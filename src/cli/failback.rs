use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tokio::time::Instant;

use super::context::{Context, Emergency};
use super::failure::Failure;
use super::say::say;
use super::watcher::watcher;
use super::{FAILED, Globals, Outcome, progress};
use crate::aws::Cloud;
use crate::engine::StepError;
use crate::engine::ownership::Owner;
use crate::report::advice;
use crate::report::words::{self, step_error};
use crate::traffic::Levers;
use crate::traffic::discover::{self, Discovered};
use crate::traffic::failback::{self, Done, GreenWrites};
use crate::traffic::history::{By, History};
use crate::traffic::mover::Mover;

/// `provisioner failback`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: provisioner failback --suffix dev1\n\nIt asks nothing, looks at no gates and waits for no \
                        lock: whatever else is under way, all goes to blue. A second one does no harm."
)]
pub struct Failback {
    /// Find the load balancers and records by their tags, not by the state file
    #[arg(long)]
    discover: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Failback {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let here = Context::emergency(globals).await?;
        let cloud = here.cloud().await?;
        let Discovered { levers, mut missing, dns_error } = match self.discover {
            true => discovered(&here, &cloud).await?,
            false => Discovered { levers: recorded(&here).await?, missing: Vec::new(), dns_error: None },
        };
        missing.extend(levers.missing());
        let levers = levers.standing();
        let by = By::this_process("provisioner failback", None);
        let history = History::at(here.store.history(here.suffix.as_ref()), by);
        let watcher = watcher(globals.json);
        let mover =
            Mover { cloud: &cloud, levers: &levers, history: &history, watcher: watcher.as_ref(), why: self.reason };
        let done = failback::run(&mover, start, dns_error).await;
        drop(watcher);
        let by_name = !levers.have_edges() && levers.dns.is_some();
        Ok(end(globals, &here, &cloud, &done, &missing, by_name, start))
    }
}

async fn recorded(here: &Emergency) -> Result<Levers, Failure> {
    let suffix = &here.suffix;
    let advice = format!("`provisioner failback --suffix {suffix} --discover` finds them in AWS by their tags");
    let state =
        here.store.read(suffix.as_ref()).await.map_err(|error| Failure::new(error.to_string(), advice.clone()))?;
    let Some(state) = state else {
        return Err(Failure::new(format!("there is no state of {suffix} that tells the load balancers"), advice));
    };
    match Levers::of(&state) {
        Ok(Some(levers)) => Ok(levers),
        Ok(None) => {
            let message = format!("the state of {suffix} tells nothing that moves traffic");
            let advice = format!("if {} has a blue and a green all the same: {advice}", state.system);
            Err(Failure::new(message, advice))
        }
        Err(error) => Err(Failure::new(error.to_string(), advice)),
    }
}

async fn discovered(here: &Emergency, cloud: &Cloud) -> Result<Discovered, Failure> {
    let owner = Owner { system: here.system.clone(), suffix: here.suffix.to_string() };
    let found = discover::levers(cloud, &owner, &here.region).await?;
    if found.levers.have_edges() || found.levers.dns.is_some() {
        return Ok(found);
    }
    Err(Failure::new(
        format!("nothing in {} carries the tags of {} {}", here.region, owner.system, owner.suffix),
        "check the suffix, the region of provisioner.toml, and whose credentials these are",
    ))
}

fn end(
    globals: &Globals,
    here: &Emergency,
    cloud: &Cloud,
    done: &Done,
    missing: &[String],
    by_name: bool,
    start: Instant,
) -> ExitCode {
    let (calls, seconds) = (cloud.calls.count(), start.elapsed());
    let ok = done.failed.is_empty() && missing.is_empty();
    let failed: Vec<_> = done.failed.iter().map(|(what, error)| (what, StepError::from(error.clone()))).collect();
    if globals.json {
        let failures = failed.iter().map(|(what, error)| {
            json!({
                "lever": what, "message": error.message, "operation": error.operation, "code": error.code,
                "request_id": error.request_id,
                "help": advice::of(error, &|command| globals.command(command, None)),
            })
        });
        progress::print_json(&json!({
            "type": "summary", "outcome": if ok { "failed_back" } else { "failed" },
            "seconds_to_effect": done.to_effect.as_secs_f64(), "green_writes": match done.green_writes {
                GreenWrites::Counted(writes) => Some(writes),
                GreenWrites::None => Some(0),
                GreenWrites::Unknown => None,
            },
            "dns_left": done.dns_left.as_ref().map(ToString::to_string),
            "failures": failures.collect::<Vec<_>>(), "missing": missing,
            "history": done.history.as_ref().map(ToString::to_string),
            "api_calls": calls, "seconds": seconds.as_secs_f64(),
        }));
    } else {
        for (what, error) in &failed {
            eprintln!("FAILED {what}: {}", step_error(error));
            if let Some(help) = advice::of(error, &|command| globals.command(command, None)) {
                eprintln!("    → {help}");
            }
        }
        if ok {
            let what = if by_name { "all answers lead to blue" } else { "all traffic is at blue" };
            say!("{what}; time to effect: {:.1} s", tenths_up(done.to_effect.as_secs_f64()));
            match &done.dns_left {
                None if !done.dns_moved => {}
                None if by_name => say!(
                    "clients find blue once the answer that they have is too old; who keeps a connection to green open has \
                     it for a minute more at most"
                ),
                None => say!(
                    "clients that Route 53 sent to green's edge are served by blue there; resolvers forget it within 60 s"
                ),
                Some(error) => {
                    eprintln!("warning: DNS is left as it was: {}", step_error(&error.clone().into()));
                    eprintln!(
                        "    → all customers are at blue, whichever edge they come in by; run the same command again later"
                    );
                }
            }
        } else {
            eprintln!(
                "not everything is at blue: run the same command again; `provisioner status` shows where it stands"
            );
        }
        if !missing.is_empty() {
            eprintln!("left out, as nothing is known of its target groups: {}", missing.join(", "));
            eprintln!(
                "    → `provisioner failback --suffix {} --discover` finds them in AWS by their tags",
                here.suffix
            );
        }
        let carry_over = match by_name {
            true => "keep green standing: rows that green has written itself have no legacy_id there",
            false => "keep green standing, and carry them over: docs/traffic.md, \"What green has written\"",
        };
        match done.green_writes {
            GreenWrites::None => {}
            GreenWrites::Counted(0) => {
                say!(
                    "green has counted no payment that blue doesn't have; its queue may hold some still: {carry_over}"
                );
            }
            GreenWrites::Counted(writes) => {
                let payments = words::count(usize::try_from(writes).unwrap_or(usize::MAX), "payment");
                say!("{payments} stand in green's database, and not in blue's: they were accepted while green served.");
                say!("    → {carry_over}");
            }
            GreenWrites::Unknown => {
                say!("how many payments stand in green's database and not in blue's can't be told from here.");
                say!("    → if green has served: {carry_over}");
            }
        }
        if let Some(error) = &done.history {
            eprintln!("warning: it isn't in the history: {error}");
        }
        eprintln!("{calls} API calls, {}", words::duration(seconds));
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// Rounded up: what is said is never less than what was measured.
fn tenths_up(seconds: f64) -> f64 {
    (seconds * 10.0).ceil() / 10.0
}
