//! One life of a system, from nothing to nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::faults::{Faults, Refused};
use crate::lifecycle::{CHANGED, FIRST, RENAMED};
use crate::support::cli::Run;
use crate::support::proxy::{Fault, Logged};
use crate::support::standing::assert_settled;
use crate::support::{Cli, Proxy, Sandbox};

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];
const APPLY: &[&str] = &["apply", "--suffix", "dev1", "--json"];
/// Its zone is replaced, with all records in it.
const CHANGE: &[&str] = &["apply", "--suffix", "dev1", "--json", "--yes-take-traffic-down"];
const DESTROY: &[&str] = &["destroy", "--suffix", "dev1", "--json", "--yes"];

/// So many runs bring it about, those not counted in which something is refused for good.
const RUNS: usize = 6;

/// The codes of what passes, in the words of whatever service.
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

/// A system and what stands between it and AWS.
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

    /// Lives with calls that fail. With odd seeds the first run of each phase also meets what is refused for good.
    pub async fn in_chaos(self, seed: u64) -> Story {
        let faults = Faults::new(seed);
        let mut story = Story { seeds: vec![seed], ..Story::default() };
        self.cli.configure(FIRST);
        self.through(APPLY, &faults, &mut story).await;
        self.is_whole().await;

        self.cli.configure(&format!("{RENAMED}{CHANGED}"));
        self.through(CHANGE, &faults, &mut story).await;
        self.is_whole().await;

        self.through(DESTROY, &faults, &mut story).await;
        self.is_gone().await;
        story
    }

    /// Lives with one of these faults at the first call of each change in each phase. One run a phase is enough.
    pub async fn with_each_change_failing_once(self, faults: [Fault; 3]) {
        self.cli.configure(FIRST);
        self.run_with_each_change_failing_once(APPLY, faults).await;
        self.is_whole().await;
        self.cli.configure(&format!("{RENAMED}{CHANGED}"));
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

    /// Lives with reads that don't see what was just made. One run a phase is enough.
    pub async fn unseen_for(self, delay: Duration) {
        self.proxy.hide_new_for(delay);
        self.cli.configure(FIRST);
        self.cli.run(APPLY).await.ok();
        self.cli.configure(&format!("{RENAMED}{CHANGED}"));
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
        faults.refuse_for_good(story.seeds[0] % 2 == 1);
        let mut runs = 0;
        loop {
            self.proxy.forget_calls();
            let run = self.cli.run(arguments).await;
            let calls = self.proxy.calls();
            let refused = faults.take_refused();
            story.tell(&calls, &refused);
            assert_never_again(&calls, &refused);
            assert_explained(&run, &refused);
            runs += usize::from(refused.is_empty());
            faults.refuse_for_good(false);
            if run.code == Some(0) {
                break;
            }
            assert!(runs < RUNS, "seed {}: still not after {RUNS} runs:\n{}", story.seeds[0], run.stdout);
        }
        self.proxy.pass_all();
        story.phases.push((runs, start.elapsed()));
    }

    /// Nothing stands twice, nothing is left to do.
    async fn is_whole(&self) {
        self.sandbox.account(&REGIONS).await.assert_no_twins();
        assert_settled(&self.cli, "dev1").await;
    }

    async fn is_gone(&self) {
        self.sandbox.account(&REGIONS).await.assert_empty();
        self.cli.run(&["destroy", "--suffix", "dev1", "--yes"]).await.ok().says("nothing to destroy");
    }
}

/// What was refused for good wasn't asked for once more.
fn assert_never_again(calls: &[Logged], refused: &[Refused]) {
    for Refused { key, code, .. } in refused {
        let after = calls.iter().skip_while(|logged| logged.call.key != *key || !is_for_good(logged)).skip(1);
        let again: Vec<_> = after.filter(|logged| logged.call.key == *key).collect();
        assert!(again.is_empty(), "{key} was refused for good ({code}), and asked for again: {again:#?}");
    }
}

fn is_for_good(logged: &Logged) -> bool {
    matches!(logged.fault, Some(Fault::Refuse(refusal, _)) if refusal.is_for_good())
}

/// A run fails of what was refused for good, and says so, or of what may pass, and of nothing else.
fn assert_explained(run: &Run, refused: &[Refused]) {
    let last = run.events().pop().unwrap_or_default();
    let Some(failures) = last["failures"].as_array() else {
        // Without an account or its zones there is nothing to plan.
        let is_told = |one: &&Refused| run.stderr.contains(one.code);
        assert!(run.code == Some(1) && refused.iter().any(|one| is_told(&one)), "{}{}", run.stdout, run.stderr);
        return;
    };
    let is_of = |failure: &Value, refused: &Refused| {
        let operation = failure["operation"].as_str().unwrap_or_default();
        operation.ends_with(&format!(":{}", refused.operation)) && failure["code"] == refused.code
    };
    for one in refused {
        assert!(failures.iter().any(|failure| is_of(failure, one)), "nothing is said of {one:?}:\n{}", run.stdout);
    }
    for failure in failures.iter().filter(|failure| !refused.iter().any(|one| is_of(failure, one))) {
        let passes = match failure["code"].as_str() {
            Some(code) => PASSING.contains(&code),
            // No answer came.
            None => failure["operation"].is_string(),
        };
        assert!(passes, "nobody has refused this for good: {failure:#}\n{}", run.stderr);
    }
    let failed = !failures.is_empty();
    assert_eq!(run.code, Some(i32::from(failed)), "{}", run.stdout);
}

/// What happened in a life, or in several.
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
    /// All of them.
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

    /// How many kinds of faults came.
    pub fn kinds_of_faults(&self) -> usize {
        self.faults.len()
    }

    /// How many calls were refused for good.
    pub fn refused_for_good(&self) -> usize {
        self.refused.len()
    }

    fn tell(&mut self, calls: &[Logged], refused: &[Refused]) {
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
        write!(f, "{harmed} of {} calls came to harm {:?}, ", self.calls, self.faults)?;
        let refused: Vec<_> = self.refused.iter().map(|one| format!("{} {}", one.operation, one.code)).collect();
        write!(f, "refused for good: {refused:?}")
    }
}
