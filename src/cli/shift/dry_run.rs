//! `shift --dry-run`: prints the gates and the calls that the shift would make.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::context::Connection;
use crate::cli::say::say;
use crate::cli::{FAILED, Outcome};
use crate::report::{traffic_events, words};
use crate::traffic::Levers;
use crate::traffic::check::{Verdict, worst_verdict};
use crate::traffic::gates::evaluate;
use crate::traffic::live::LiveWeights;
use crate::traffic::share::Share;
use crate::traffic::shift::{Settings, ShiftPlan};
use crate::traffic::signals;
use crate::traffic::weight::{LeverKind, describe};

/// Prints the actual weights, the gates and the planned calls. `plan` is `None` for an abort.
pub async fn run(
    connection: &Connection,
    levers: &Levers,
    live: &LiveWeights,
    plan: Option<&ShiftPlan>,
    settings: &Settings,
) -> Outcome {
    say!("now: {}", describe(&LeverKind::ALL.map(|kind| live.weights(kind)).concat()));
    let since = jiff::Timestamp::now() - signals::WINDOW;
    let readings = signals::read(&connection.shared.cloud, levers, since).await;
    let checks = evaluate(&readings, &settings.limits, live.max_share());
    let verdict = worst_verdict(&checks);
    say!("{}", traffic_events::gates(live.max_share(), verdict, &checks));
    let Some(plan) = plan else {
        say!("would move all traffic to blue: listeners first, DNS after");
        print_listeners(levers, Share::BLUE);
        print_dns(levers, Share::BLUE);
        say!("nothing was written");
        return Ok(ExitCode::SUCCESS);
    };
    for to in plan.remaining() {
        let current = live.min_share();
        let is_held = *to > current || (plan.resumed && *to == current);
        let hold = is_held.then_some(settings.hold);
        say!("step {to}:");
        print_listeners(levers, *to);
        if levers.have_edges() {
            print_hold(hold);
        }
        print_dns(levers, *to);
        if !levers.have_edges() {
            print_hold(hold);
        }
    }
    say!("nothing was written");
    Ok(if verdict == Verdict::Fail { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

fn print_listeners(levers: &Levers, to: Share) {
    let split = to.split();
    for edge in &levers.edges {
        say!("  elasticloadbalancing:ModifyListener {}: blue {}, green {}", edge.listener, split.blue, split.green);
    }
}

fn print_dns(levers: &Levers, to: Share) {
    let split = to.split();
    if let Some(dns) = &levers.dns {
        say!("  route53:ChangeResourceRecordSets {}: blue {}, green {}", dns.name, split.blue, split.green);
    }
}

fn print_hold(hold: Option<Duration>) {
    if let Some(hold) = hold {
        say!("  hold for {}, with gates", words::duration(hold));
    }
}
