use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::context::{Context, Emergency};
use super::failure::Failure;
use super::say::say;
use super::{FAILED, Globals, Outcome, progress, traffic_output};
use crate::aws::Cloud;
use crate::engine::StepError;
use crate::engine::ownership::Owner;
use crate::report::advice::{self, CommandLine};
use crate::report::words::{self, step_error};
use crate::traffic::Levers;
use crate::traffic::discover::{self, Discovered};
use crate::traffic::failback::{self, FailbackResult, GreenWrites};
use crate::traffic::history::{Actor, History};
use crate::traffic::mover::Mover;

/// Finds the levers by their tags.
const DISCOVER: &str = "failback --discover";

/// `provisioner failback`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: provisioner failback --suffix dev1\n\nIt asks for no confirmation, checks no gates and \
                        takes no lock: all traffic moves to blue, even during a shift. Running it twice is safe."
)]
pub struct Failback {
    /// Find the load balancers and DNS records by their tags instead of the state file
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
        let command = |command: &str| globals.command(command, Some(here.suffix.as_ref()));
        let Discovered { levers, mut missing, dns_error } = match self.discover {
            true => find_levers(&here, &cloud).await?,
            false => {
                let levers = recorded_levers(&here, &command(DISCOVER)).await?;
                Discovered { levers, missing: Vec::new(), dns_error: None }
            }
        };
        missing.extend(levers.missing());
        let levers = levers.existing();
        let by = Actor::this_process("provisioner failback", None);
        let history = History::at(here.store.history(here.suffix.as_ref()), by);
        let observer = traffic_output::observer(globals.json);
        let mover = Mover {
            cloud: &cloud,
            levers: &levers,
            history: &history,
            observer: observer.as_ref(),
            reason: self.reason,
        };
        let result = failback::run(&mover, start, dns_error).await;
        drop(observer);
        let report = Report {
            errors: result.failed.iter().map(|(lever, error)| (lever.as_str(), error.clone().into())).collect(),
            result: &result,
            missing: &missing,
            dns_only: !levers.have_edges() && levers.dns.is_some(),
            command: &command,
            calls: cloud.calls.count(),
            start,
        };
        if globals.json {
            progress::print_json(&report.json());
        } else {
            report.print();
        }
        Ok(if report.succeeded() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}

async fn recorded_levers(here: &Emergency, discover: &str) -> Result<Levers, Failure> {
    let suffix = &here.suffix;
    let advice = format!("`{discover}` finds the levers in AWS by their tags");
    let state =
        here.store.read(suffix.as_ref()).await.map_err(|error| Failure::new(error.to_string(), advice.clone()))?;
    let Some(state) = state else {
        return Err(Failure::new(format!("there is no state of {suffix}, so its levers are unknown"), advice));
    };
    match Levers::from_state(&state) {
        Ok(Some(levers)) => Ok(levers),
        Ok(None) => {
            let message = format!("the state of {suffix} contains no levers");
            let advice = format!("if {} has blue and green environments nevertheless: {advice}", state.system);
            Err(Failure::new(message, advice))
        }
        Err(error) => Err(Failure::new(error.to_string(), advice)),
    }
}

async fn find_levers(here: &Emergency, cloud: &Cloud) -> Result<Discovered, Failure> {
    let owner = Owner { system: here.system.clone(), suffix: here.suffix.to_string() };
    let found = discover::find(cloud, &owner, &here.region).await?;
    if found.levers.have_edges() || found.levers.dns.is_some() {
        return Ok(found);
    }
    Err(Failure::new(
        format!("no load balancer in {} has the tags of {} {}", here.region, owner.system, owner.suffix),
        "check the suffix, the region in provisioner.toml, and the account of these credentials",
    ))
}

/// What is printed about a failback.
struct Report<'a> {
    result: &'a FailbackResult,
    /// The levers that couldn't be moved.
    errors: Vec<(&'a str, StepError)>,
    /// The levers that don't exist or weren't found.
    missing: &'a [String],
    /// DNS alone moves the traffic.
    dns_only: bool,
    command: CommandLine<'a>,
    calls: u64,
    start: Instant,
}

impl Report<'_> {
    fn succeeded(&self) -> bool {
        self.errors.is_empty() && self.missing.is_empty()
    }

    fn json(&self) -> Value {
        let result = self.result;
        let failures = self.errors.iter().map(|(lever, error)| {
            json!({
                "lever": lever, "message": error.message, "operation": error.operation, "code": error.code,
                "request_id": error.request_id, "help": advice::of(error, self.command),
            })
        });
        json!({
            "type": "summary", "outcome": if self.succeeded() { "failed_back" } else { "failed" },
            "seconds_to_effect": result.to_effect.as_secs_f64(), "green_writes": match result.green_writes {
                GreenWrites::Counted(writes) => Some(writes),
                GreenWrites::None => Some(0),
                GreenWrites::Unknown => None,
            },
            "dns_left": result.dns_error.as_ref().map(ToString::to_string),
            "failures": failures.collect::<Vec<_>>(), "missing": self.missing,
            "history": result.history_error.as_ref().map(ToString::to_string),
            "api_calls": self.calls, "seconds": self.start.elapsed().as_secs_f64(),
        })
    }

    fn print(&self) {
        self.print_errors();
        if self.succeeded() {
            let what = if self.dns_only { "all DNS answers point to blue" } else { "all traffic is at blue" };
            say!("{what}; time to effect: {:.1} s", tenths_up(self.result.to_effect.as_secs_f64()));
            self.print_dns();
        } else {
            eprintln!("not all traffic is at blue: run the command again; `provisioner status` shows the weights");
        }
        if !self.missing.is_empty() {
            eprintln!(
                "not moved, because it doesn't exist or its target groups weren't found: {}",
                self.missing.join(", ")
            );
            eprintln!("    → `{}` finds the levers in AWS by their tags", (self.command)(DISCOVER));
        }
        self.print_green_writes();
        if let Some(error) = &self.result.history_error {
            eprintln!("warning: not recorded in the history: {error}");
        }
        eprintln!("{} API calls, {}", self.calls, words::duration(self.start.elapsed()));
    }

    fn print_errors(&self) {
        for (lever, error) in &self.errors {
            eprintln!("FAILED {lever}: {}", step_error(error));
            if let Some(help) = advice::of(error, self.command) {
                eprintln!("    → {help}");
            }
        }
    }

    fn print_dns(&self) {
        match &self.result.dns_error {
            None if !self.result.dns_moved => {}
            None if self.dns_only => {
                say!(
                    "clients reach blue when their cached DNS answer expires; open connections last up to a minute more"
                );
            }
            None => say!(
                "clients that still connect to green's edge are served by blue; their DNS caches expire within 60 s"
            ),
            Some(error) => {
                eprintln!("warning: DNS was not moved: {}", step_error(&error.clone().into()));
                eprintln!("    → all customers are at blue, on both edges; run the command again later to move DNS");
            }
        }
    }

    fn print_green_writes(&self) {
        let advice = match self.dns_only {
            true => "don't destroy green: rows without legacy_id exist only there",
            false => "don't destroy green, and copy its rows to blue: docs/traffic.md, \"What green has written\"",
        };
        match self.result.green_writes {
            GreenWrites::None => {}
            GreenWrites::Counted(0) => {
                say!("green has counted no payments that blue doesn't have, but its queue may contain some: {advice}");
            }
            GreenWrites::Counted(writes) => {
                let payments = words::count(usize::try_from(writes).unwrap_or(usize::MAX), "payment");
                say!("green's database has {payments} that blue's doesn't have: accepted while green was serving");
                say!("    → {advice}");
            }
            GreenWrites::Unknown => {
                say!("green's database may have payments that blue's doesn't have; their number is unknown");
                say!("    → if green was serving: {advice}");
            }
        }
    }
}

/// Rounds up to tenths, so that the printed time is never less than the measured one.
fn tenths_up(seconds: f64) -> f64 {
    (seconds * 10.0).ceil() / 10.0
}
