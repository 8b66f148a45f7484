//! Live traffic: shifts and failbacks under load, with kills, an unhealthy green and concurrent changes.

mod concurrent_changes;
mod gates;
pub(crate) mod killed;
mod outage;
mod terminal;
mod under_load;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::applied_twice::outputs;
use crate::support::cli::{Run, Started};
use crate::support::load::{Log, payment};
use crate::support::wait::wait_for;
use crate::support::{Applied, Cli, Load, Sandbox};

pub(crate) const SUFFIX: &str = "live1";
/// Latency limits are high: the machine also runs other tests.
pub(crate) const CONFIGURATION: &str = "
[network]
test_cidrs = [\"10.0.0.0/8\"]

[shift]
max_latency_ms = 60000
latency_slack_ms = 60000

[alarms]
latency_p99_ms = 60000
";
/// The operations that change weights.
const WRITES: [&str; 3] = ["elbv2:ModifyListener", "elbv2:ModifyRule", "route53:ChangeResourceRecordSets"];
/// Payments per second: enough to measure shares within a step, and no more than a sandbox answers beside other tests.
const RATE: u32 = 20;

/// Tests with load run one at a time: two would affect each other's latency.
static CUSTOMERS: Mutex<()> = Mutex::const_new(());

/// A system in its own sandbox, with all traffic at blue.
pub(crate) struct Stage {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) cli: Cli,
    /// The weighted name.
    pub(crate) live: String,
    /// The host names of both edges, and the weighted name.
    hosts: Vec<String>,
    /// The edges forward by weight as well.
    edges: bool,
}

/// A system under load.
struct Busy {
    stage: Stage,
    load: Load,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    pub(crate) async fn applied() -> Self {
        Self::of(CONFIGURATION, true).await
    }

    /// One whose name alone moves the traffic.
    pub(crate) async fn of_dns(configuration: &str) -> Self {
        Self::of(configuration, false).await
    }

    async fn of(configuration: &str, edges: bool) -> Self {
        Self::from(Applied::with(SUFFIX, Some(configuration)).await, edges)
    }

    /// A system that was applied with [`SUFFIX`].
    pub(crate) fn from(applied: Applied, edges: bool) -> Self {
        let outputs = outputs(&applied.run.stdout);
        let output = |name: &str| outputs.get(name).unwrap_or_else(|| panic!("no output {name}")).clone();
        let live = output(if edges { "live_name" } else { "payment_name" });
        let hosts = vec![output("blue_alb_dns_name"), output("green_alb_dns_name"), live.clone()];
        Stage { sandbox: Arc::new(applied.sandbox), cli: applied.cli, live, hosts, edges }
    }

    /// Waits for its turn, warms up all functions, and starts the load.
    async fn busy(per_second: u32) -> Busy {
        let turn = CUSTOMERS.lock().await;
        let stage = Stage::applied().await;
        // There is no database for them to write to.
        join_all(["blue", "green"].map(|name| stage.aws_of("pause", function("payment-processor", name)))).await;
        let green = format!("{}:8443", stage.hosts[1]);
        join_all([&stage.hosts[0], &green].map(|host| stage.pay(host, 8, 202))).await;
        let load = Load::start(&stage.sandbox, &stage.hosts, per_second);
        wait_for(Duration::from_secs(60), || (load.log().len() >= 30).then_some(()))
            .await
            .expect("payments are answered");
        Busy { stage, load, _turn: turn }
    }

    /// Sends payments at once; all have to be answered with this status.
    async fn pay(&self, host: &str, number: usize, status: u16) {
        let payments: Vec<_> = (0..number).map(|_| payment()).collect();
        for answer in join_all(payments.iter().map(|payment| self.sandbox.send(host, payment))).await {
            assert_eq!(answer.status, status, "{host}: {answer:?}");
        }
    }

    /// Calls a function of `support/python/traffic.py`.
    pub(crate) async fn aws(&self, arguments: &[&str]) -> Value {
        self.sandbox.python_file("traffic.py", arguments).await
    }

    async fn aws_of(&self, name: &str, function: String) -> Value {
        self.aws(&[name, &function]).await
    }

    fn start(&self, arguments: &[&str]) -> Started {
        self.cli.start(&[arguments, &["--suffix", SUFFIX]].concat())
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        self.start(arguments).finish().await
    }

    /// A shift without confirmation, with JSON.
    pub(crate) fn start_shift(&self, arguments: &[&str]) -> Started {
        self.start(&[&["shift", "--yes", "--json"], arguments].concat())
    }

    pub(crate) async fn shift(&self, arguments: &[&str]) -> Run {
        self.start_shift(arguments).finish().await
    }

    /// The whole lines of the history.
    pub(crate) fn history(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.history_file()).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}")))
            .collect()
    }

    fn history_file(&self) -> std::path::PathBuf {
        self.cli.state_folder().join(format!("{SUFFIX}.history"))
    }

    /// Waits until the history has an entry like this behind its first `known` ones.
    pub(crate) async fn awaits(&self, known: usize, what: &str, is_it: impl Fn(&Value) -> bool) {
        let found =
            wait_for(Duration::from_secs(120), || self.history()[known..].iter().any(&is_it).then_some(())).await;
        found.unwrap_or_else(|| panic!("{what} never comes: {:#?}", &self.history()[known..]));
    }

    /// All weights, as boto3 sees them.
    async fn weights(&self) -> Value {
        self.aws(&["weights", &self.live]).await
    }

    /// All levers give green this share.
    pub(crate) async fn assert_green(&self, percent: u32) {
        let mut expected = weights(percent, percent, percent);
        if !self.edges {
            expected["listeners"] = json!({});
        }
        assert_eq!(self.weights().await, expected);
    }

    /// The writes to listeners and records since the list of calls was cleared.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.sandbox.changes().into_iter().filter(|change| WRITES.contains(&change.as_str())).collect()
    }

    /// The traffic in `status --json`. Its weights must be those that boto3 reads.
    pub(crate) async fn status(&self) -> Value {
        let status = self.run(&["status", "--json"]).await.ok().events().pop().expect("a summary");
        let traffic = status["traffic"].clone();
        let reported = traffic["weights"].as_array().expect("weights").iter();
        let reported: BTreeMap<_, _> =
            reported.map(|one| (text(&one["lever"]), json!({ "blue": one["blue"], "green": one["green"] }))).collect();
        let weights = self.weights().await;
        let mut real = BTreeMap::from([(self.live.clone(), weights["records"].clone())]);
        let edges = ["blue", "green"].into_iter().filter(|_| self.edges);
        real.extend(edges.map(|edge| (format!("{edge} edge"), weights["listeners"][alb(edge)].clone())));
        assert_eq!(reported, real, "{traffic}");
        traffic
    }
}

impl Busy {
    /// Stops the load, and returns its log.
    fn end(self) -> (Stage, Log) {
        (self.stage, self.load.stop())
    }
}

impl std::ops::Deref for Busy {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

/// A function of an environment.
fn function(name: &str, environment: &str) -> String {
    format!("{name}-{environment}-{SUFFIX}")
}

/// The name of an environment's load balancer.
fn alb(environment: &str) -> String {
    format!("alb-{environment}-{SUFFIX}")
}

/// The weights with these shares of green: blue's edge, green's edge, DNS.
fn weights(blue_edge: u32, green_edge: u32, dns: u32) -> Value {
    let split = |green: u32| json!({ "blue": 100 - green, "green": green });
    let listeners = BTreeMap::from([(alb("blue"), split(blue_edge)), (alb("green"), split(green_edge))]);
    json!({ "listeners": listeners, "records": split(dns) })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// When an entry of the history was put down.
fn at(entry: &Value) -> Timestamp {
    text(&entry["at"]).parse().unwrap_or_else(|error| panic!("no time ({error}): {entry}"))
}

/// True for an entry that says this: `("writing", "dns")`; without a lever any does.
pub(crate) fn says(entry: &Value, event: &str, lever: Option<&str>) -> bool {
    entry["event"] == event && lever.is_none_or(|lever| entry["lever"] == lever)
}

/// The traffic events, in the order of the JSON lines.
fn happenings(run: &Run) -> Vec<Value> {
    run.events().into_iter().filter(|event| event["type"] == "event").collect()
}

/// The last JSON line, which says how it ended.
fn ending(run: &Run) -> Value {
    let last = run.events().pop().unwrap_or_default();
    assert_eq!(last["type"], "summary", "{}{}", run.stdout, run.stderr);
    last
}

/// Fails unless a command ended like that, and says why in these words.
pub(crate) fn assert_ended(run: &Run, outcome: &str, because: &[&str]) {
    let ending = ending(run);
    assert_eq!(ending["outcome"], outcome, "{ending}");
    let said = ending["because"].to_string();
    assert!(because.iter().all(|word| said.contains(word)), "it doesn't say {because:?}: {said}");
}
