//! One life of a system, from the first apply to destroy, with a tool that is killed repeatedly.

use super::kills::{Kills, Phase};
use crate::support::{Cli, Proxy, Sandbox};
use crate::systems::System;

/// The sandbox keeps this many calls.
const REMEMBERED: usize = 20_000;
/// How many changes are shown before one that went wrong.
const SHOWN: usize = 100;
/// How often a phase may fail without being killed: a second run may succeed where the first didn't, and the rest of the
/// life still finds other faults.
const FAILURES: usize = 3;

/// One life. The error of a run that wasn't killed is blamed on the last kill; a wrong result at the end of a phase is a
/// panic.
pub async fn live(system: &System, kills: &Kills) {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let cli = Cli::through(&proxy);
    let judge = kills.clone();
    proxy.on_call(move |call| judge.judge(call));
    let life = Life { kills, sandbox, proxy, cli, suffix: system.suffix };
    let [first, changed] = system.life;
    let (suffix, regions) = (system.suffix, system.regions);

    life.cli.configure(first);
    life.through(Phase::Apply, &["apply", "--suffix", suffix, "--json"]).await;
    life.is_settled().await;

    // The zone is replaced, with all its records.
    life.cli.configure(changed);
    life.through(Phase::Change, &["apply", "--suffix", suffix, "--json", "--yes-take-traffic-down"]).await;
    life.is_settled().await;
    life.sandbox.account(regions).await.assert_no_twins();

    let traffic = if system.traffic.green_serves_at_first { &["--yes-take-traffic-down"][..] } else { &[] };
    life.through(Phase::Destroy, &[&["destroy", "--suffix", suffix, "--json", "--yes"], traffic].concat()).await;
    life.sandbox.account(regions).await.assert_empty();
    life.cli.run(&["destroy", "--suffix", suffix, "--yes"]).await.ok().says("nothing to destroy");
}

struct Life<'a> {
    kills: &'a Kills,
    sandbox: Sandbox,
    proxy: Proxy,
    cli: Cli,
    suffix: &'static str,
}

impl Life<'_> {
    /// Runs this until it succeeds.
    async fn through(&self, phase: Phase, arguments: &[&str]) {
        self.kills.enter(phase);
        self.sandbox.forget_calls();
        self.proxy.forget_calls();
        self.run(phase, arguments).await;
        self.calls_agree();
    }

    /// The proxy has seen the same calls as the sandbox: none bypassed it, and it named each correctly.
    fn calls_agree(&self) {
        let of_sandbox = self.sandbox.calls();
        if of_sandbox.len() >= REMEMBERED {
            return;
        }
        let name = |service: &str, operation: &str, status: u16| format!("{service}:{operation} {status}");
        // The sync function of Fargate systems calls the sandbox directly, when its schedule starts it. Provisioner reads no item.
        let is_of_function = |operation: &str| matches!(operation, "GetItem" | "PutItem" | "UpdateItem");
        let mut seen: Vec<String> = of_sandbox
            .into_iter()
            .filter(|call| !call.operation.as_deref().is_some_and(is_of_function))
            .map(|call| name(&call.service, call.operation.as_deref().unwrap_or_default(), call.status))
            .collect();
        let passed = self.proxy.calls().into_iter();
        let mut passed: Vec<String> = passed
            .filter_map(|logged| Some(name(&logged.call.service, &logged.call.operation, logged.status?)))
            .collect();
        seen.sort();
        passed.sort();
        assert_eq!(passed, seen);
    }

    async fn run(&self, phase: Phase, arguments: &[&str]) {
        let mut failures = 0;
        loop {
            let killed = self.kills.points().len();
            let run = self.cli.start(arguments);
            self.proxy.may_kill(run.pid());
            let run = run.finish().await;
            self.proxy.settle().await;
            match run.code {
                Some(0) => return,
                None => assert!(self.kills.points().len() > killed, "something else killed `{}`", arguments[0]),
                Some(_) => {
                    failures += 1;
                    let said = format!("{}{}{}", run.stdout, run.stderr, self.last_changes());
                    self.kills.blame(&said);
                    assert!(
                        failures < FAILURES,
                        "{phase:?} fails repeatedly after {:?}:\n{said}",
                        self.kills.points().last()
                    );
                }
            }
        }
    }

    /// The latest changes, of any run.
    fn last_changes(&self) -> String {
        let calls = self.proxy.calls();
        let changes = calls.iter().filter(|logged| logged.call.is_change);
        let lines: Vec<_> =
            changes.map(|logged| format!("{:?} {:?} {}\n", logged.status, logged.fault, logged.call.key)).collect();
        lines[lines.len().saturating_sub(SHOWN)..].concat()
    }

    /// A plan is empty.
    async fn is_settled(&self) {
        let plan = self.cli.run(&["plan", "--suffix", self.suffix, "--json", "--detailed-exitcode"]).await;
        let (code, said) = (plan.code, plan.stdout.clone());
        let summary = plan.summary();
        let adopted = summary.rest["adopted"].as_u64();
        assert!(code == Some(0) && adopted == Some(0), "a plan that isn't empty:\n{said}");
    }
}
