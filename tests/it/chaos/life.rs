//! One life of a system, from the first apply to destroy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::faults::{Faults, Refused};
use crate::support::applied_twice::assert_settled;
use crate::support::cli::Run;
use crate::support::proxy::{Fault, Logged};
use crate::support::{Cli, Proxy, Sandbox};
use crate::systems::lambda_mysql::{FIRST, REPLACED};

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];
const APPLY: &[&str] = &["apply", "--suffix", "dev1", "--json"];
/// The zone is replaced, with all its records.
const CHANGE: &[&str] = &["apply", "--suffix", "dev1", "--json", "--yes-take-traffic-down"];
const DESTROY: &[&str] = &["destroy", "--suffix", "dev1", "--json", "--yes"];

/// This many runs must be enough, not counting those with a permanent error.
const RUNS: usize = 6;

/// The codes of transient errors, of all services.
const PASSING: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "Unavailable",
];

/// A system, and the proxy between it and AWS.
pub struct Life {
    sandbox: Sandbox,
    proxy: Proxy,
    cli: Cli,
}

impl Life {
    /// In an empty account.
    pub async fn begin() -> Self {
        let sandbox = Sandbox::fresh().await;
        let proxy = Proxy::before(&sandbox);
        let cli = Cli::through(&proxy);
        Life { sandbox, proxy, cli }
    }

    /// A life with calls that fail. With odd seeds the first run of each phase also gets permanent errors.
    pub async fn in_chaos(self, seed: u64) -> Story {
        let faults = Faults::new(seed);
        let mut story = Story { seeds: vec![seed], ..Story::default() };
        self.cli.configure(FIRST);
        self.through(APPLY, &faults, &mut story).await;
        self.is_whole().await;

        self.cli.configure(REPLACED);
        self.through(CHANGE, &faults, &mut story).await;
        self.is_whole().await;

        self.through(DESTROY, &faults, &mut story).await;
        self.is_gone().await;
        story
    }

    /// A life with one of these faults at the first call of each change in each phase. Each phase takes one run.
    pub async fn with_each_change_failing_once(self, faults: [Fault; 3]) {
        self.cli.configure(FIRST);
        self.run_with_each_change_failing_once(APPLY, faults).await;
        self.is_whole().await;
        self.cli.configure(REPLACED);
        self.run_with_each_change_failing_once(CHANGE, faults).await;
        self.is_whole().await;
        self.run_with_each_change_failing_once(DESTROY, faults).await;
        self.is_gone().await;
    }

    async fn run_with_each_change_failing_once(&self, arguments: &[&str], faults: [Fault; 3]) {
        let mut struck = BTreeSet::new();
        self.proxy.on_call(move |call| {
            let is_first = call.is_change && struck.insert(call.key.clone());
            is_first.then(|| faults[call.dice(0) as usize % faults.len()])
        });
        self.cli.run(arguments).await.ok();
        self.proxy.pass_all();
    }

    /// A life with reads that don't see what was just created. Each phase takes one run.
    pub async fn unseen_for(self, delay: Duration) {
        self.proxy.hide_new_for(delay);
        self.cli.configure(FIRST);
        self.cli.run(APPLY).await.ok();
        self.cli.configure(REPLACED);
        self.cli.run(CHANGE).await.ok();
        self.proxy.show_all();
        self.is_whole().await;
        self.cli.run(DESTROY).await.ok();
        self.is_gone().await;
    }

    /// Runs this until it succeeds.
    async fn through(&self, arguments: &[&str], faults: &Faults, story: &mut Story) {
        let start = Instant::now();
        let judge = faults.clone();
        self.proxy.on_call(move |call| judge.judge(call));
        faults.allow_permanent(story.seeds[0] % 2 == 1);
        let mut runs = 0;
        loop {
            self.proxy.forget_calls();
            let run = self.cli.run(arguments).await;
            let calls = self.proxy.calls();
            let refused = faults.take_refused();
            story.count(&calls, &refused);
            assert_not_repeated(&calls, &refused);
            assert_reported(&run, &refused);
            runs += usize::from(refused.is_empty());
            faults.allow_permanent(false);
            if run.code == Some(0) {
                break;
            }
            assert!(runs < RUNS, "seed {}: not done after {RUNS} runs:\n{}", story.seeds[0], run.stdout);
        }
        self.proxy.pass_all();
        story.phases.push((runs, start.elapsed()));
    }

    /// Nothing exists twice, and a plan is empty.
    async fn is_whole(&self) {
        self.sandbox.account(&REGIONS).await.assert_no_twins();
        assert_settled(&self.cli, "dev1").await;
    }

    async fn is_gone(&self) {
        self.sandbox.account(&REGIONS).await.assert_empty();
        self.cli.run(&["destroy", "--suffix", "dev1", "--yes"]).await.ok().says("nothing to destroy");
    }
}

/// A call with a permanent error isn't repeated.
fn assert_not_repeated(calls: &[Logged], refused: &[Refused]) {
    for Refused { key, code, .. } in refused {
        let after = calls.iter().skip_while(|logged| logged.call.key != *key || !is_permanent(logged)).skip(1);
        let again: Vec<_> = after.filter(|logged| logged.call.key == *key).collect();
        assert!(again.is_empty(), "{key} failed with the permanent error {code}, and was repeated: {again:#?}");
    }
}

fn is_permanent(logged: &Logged) -> bool {
    matches!(logged.fault, Some(Fault::Refuse(refusal, _)) if refusal.is_permanent())
}

/// A run fails and reports it because of permanent errors or of transient ones, and for no other reason.
fn assert_reported(run: &Run, refused: &[Refused]) {
    let last = run.events().pop().unwrap_or_default();
    let Some(failures) = last["failures"].as_array() else {
        // Without an account or its zones there is no plan.
        let is_reported = |one: &&Refused| run.stderr.contains(one.code);
        assert!(run.code == Some(1) && refused.iter().any(|one| is_reported(&one)), "{}{}", run.stdout, run.stderr);
        return;
    };
    let is_of = |failure: &Value, refused: &Refused| {
        let operation = failure["operation"].as_str().unwrap_or_default();
        operation.ends_with(&format!(":{}", refused.operation)) && failure["code"] == refused.code
    };
    for one in refused {
        assert!(failures.iter().any(|failure| is_of(failure, one)), "{one:?} isn't reported:\n{}", run.stdout);
    }
    for failure in failures.iter().filter(|failure| !refused.iter().any(|one| is_of(failure, one))) {
        let is_transient = match failure["code"].as_str() {
            Some(code) => PASSING.contains(&code),
            // There was no response.
            None => failure["operation"].is_string(),
        };
        assert!(is_transient, "no call got this permanent error: {failure:#}\n{}", run.stderr);
    }
    let failed = !failures.is_empty();
    assert_eq!(run.code, Some(i32::from(failed)), "{}", run.stdout);
}

/// Statistics of a life, or of several.
#[derive(Default)]
pub struct Story {
    seeds: Vec<u64>,
    /// How many runs each phase took, and how long.
    phases: Vec<(usize, Duration)>,
    calls: usize,
    faults: BTreeMap<String, usize>,
    refused: Vec<Refused>,
}

impl Story {
    /// The sum.
    pub fn total(stories: impl Iterator<Item = Story>) -> Story {
        stories.fold(Story::default(), |mut total, story| {
            total.seeds.extend(story.seeds);
            total.phases.extend(story.phases);
            total.calls += story.calls;
            total.refused.extend(story.refused);
            for (fault, count) in story.faults {
                *total.faults.entry(fault).or_default() += count;
            }
            total
        })
    }

    /// The number of kinds of faults.
    pub fn kinds_of_faults(&self) -> usize {
        self.faults.len()
    }

    /// The number of permanent errors.
    pub fn permanent_errors(&self) -> usize {
        self.refused.len()
    }

    fn count(&mut self, calls: &[Logged], refused: &[Refused]) {
        self.calls += calls.len();
        self.refused.extend_from_slice(refused);
        for fault in calls.iter().filter_map(|logged| logged.fault) {
            *self.faults.entry(format!("{fault:?}")).or_default() += 1;
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs: Vec<_> = self.phases.iter().map(|(runs, _)| runs).collect();
        let seconds = self.phases.iter().map(|(_, took)| took.as_secs_f32()).sum::<f32>();
        let harmed = self.faults.values().sum::<usize>();
        write!(f, "seeds {:?}: runs {runs:?}, {seconds:.0} s, ", self.seeds)?;
        write!(f, "{harmed} of {} calls failed {:?}, ", self.calls, self.faults)?;
        let refused: Vec<_> = self.refused.iter().map(|one| format!("{} {}", one.operation, one.code)).collect();
        write!(f, "permanent errors: {refused:?}")
    }
}
