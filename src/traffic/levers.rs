//! Levers: the weighted listeners and DNS records that move a system's traffic, and the metrics to watch meanwhile.
//!
//! A system defines its levers when it is composed: two load balancers and the DNS name in front of them, a single load
//! balancer, or DNS alone. The state file stores them with references to outputs, so that they resolve to the resources that
//! exist now, also after an interrupted run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::reference;
use crate::resources::cloudwatch::Metric;
use crate::resources::ids::{HostedZoneId, ListenerArn, ListenerRuleArn, TargetGroupArn, is_known};
use crate::state::State;

/// The environment that serves customers before a migration, unless a system names it differently.
pub const BLUE: &str = "blue";
/// The environment that customers are migrated to, unless a system names it differently.
pub const GREEN: &str = "green";

/// The names of the two environments that levers move traffic between, as in the `Environment` tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environments {
    /// The environment that serves customers before a migration.
    pub blue: String,
    /// The environment that customers are migrated to.
    pub green: String,
}

impl Environments {
    fn is_default(&self) -> bool {
        *self == Environments::default()
    }
}

impl Default for Environments {
    fn default() -> Self {
        Environments { blue: BLUE.to_owned(), green: GREEN.to_owned() }
    }
}

/// The levers of a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Levers {
    /// The environments.
    #[serde(default, skip_serializing_if = "Environments::is_default")]
    pub environments: Environments,
    /// The listeners that forward by weight. If there are any, they decide green's share of the requests.
    pub edges: Vec<EdgeLever>,
    /// The weighted DNS name. With edges it only decides through which of them clients connect; without edges it decides green's
    /// share.
    pub dns: Option<DnsLever>,
    /// The alarms and metrics of the gates.
    pub watched: Watched,
}

/// A listener that forwards to both environments by weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeLever {
    /// The environment of the load balancer: `blue`.
    pub name: String,
    /// Its region.
    pub region: String,
    /// The listener.
    pub listener: ListenerArn,
    /// The rule of the listener that forwards by weight; `None`: the listener's default action does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<ListenerRuleArn>,
    /// Blue's target group.
    pub blue: TargetGroupArn,
    /// Green's target group.
    pub green: TargetGroupArn,
}

/// Two weighted records of one DNS name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsLever {
    /// The hosted zone.
    pub hosted_zone: HostedZoneId,
    /// The DNS name, without a trailing dot.
    pub name: String,
    /// The record type: `A`.
    pub record_type: String,
    /// The set identifier of blue's record.
    pub blue: String,
    /// The set identifier of green's record.
    pub green: String,
}

/// The alarms and metrics that show whether green is healthy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// The region of alarms and metrics.
    pub region: String,
    /// The names of the alarms on green's customers.
    pub alarms: Vec<String>,
    /// The composite alarm over those, which triggers the failback function.
    pub composite: Option<String>,
    /// The metrics of blue's customers.
    pub blue: Signals,
    /// The metrics of green's customers.
    pub green: Signals,
    /// Green's target groups that no edge forwards to by weight, each with a name for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub green_targets: Vec<(String, TargetGroupArn)>,
    /// The metric that counts green's writes to data that blue doesn't have.
    pub green_writes: Option<Metric>,
}

/// The metrics of an environment's customers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// The counters of requests, to be added up.
    pub requests: Vec<Metric>,
    /// The counters of failed requests, to be added up.
    pub errors: Vec<Metric>,
    /// The response times.
    pub latency: Vec<Metric>,
    /// The unit of `latency` in ms: 1000 for seconds.
    pub latency_unit_ms: f64,
}

impl Levers {
    /// The levers of a system with one load balancer. Takes the full names of load balancer and target group for blue and for
    /// green, and the names of the alarms on green's customers.
    pub fn of_edge(edge: EdgeLever, [blue, green]: &[(String, String); 2], alarms: Vec<String>) -> Self {
        let signals = |groups| Signals::of_target_groups(std::slice::from_ref(groups));
        let (blue, green, region) = (signals(blue), signals(green), edge.region.clone());
        let watched =
            Watched { region, alarms, composite: None, blue, green, green_targets: Vec::new(), green_writes: None };
        Levers { environments: Environments::default(), edges: vec![edge], dns: None, watched }
    }

    /// The levers in this state; `None` if the system has none, or was never applied. Some may not exist: see
    /// [`Levers::missing`].
    ///
    /// # Errors
    /// The state contains levers that this build can't read.
    pub fn from_state(state: &State) -> Result<Option<Levers>, UnreadableLevers> {
        let Some(symbolic) = &state.levers else { return Ok(None) };
        let lookup = |reference: &reference::Reference| {
            let outputs = &state.steps.get(&reference.step)?.outputs;
            outputs.get(&reference.field)?.as_str().map(str::to_owned)
        };
        let levers = serde_json::from_value(reference::resolve(symbolic, &lookup));
        levers.map(Some).map_err(|error| UnreadableLevers(error.to_string()))
    }

    /// The form with references, for the state file.
    pub fn symbolic(&self) -> Value {
        serde_json::to_value(self).expect("levers are plain data")
    }

    /// True if load balancers decide green's share; otherwise DNS does.
    pub fn have_edges(&self) -> bool {
        !self.edges.is_empty()
    }

    /// The names of the levers that don't exist.
    pub fn missing(&self) -> Vec<String> {
        let edges = self.edges.iter().filter(|edge| !edge.exists()).map(|edge| format!("{} edge", edge.name));
        let dns = self.dns.iter().filter(|dns| !dns.exists()).map(|dns| format!("DNS name {}", dns.name));
        edges.chain(dns).collect()
    }

    /// The levers that exist. An alarm that doesn't exist gets the name of its step, so that the gates report it as missing.
    pub fn existing(mut self) -> Self {
        self.edges.retain(EdgeLever::exists);
        self.dns = self.dns.filter(DnsLever::exists);
        for alarm in self.watched.alarms.iter_mut().chain(&mut self.watched.composite) {
            *alarm = reference::resolve_text(alarm, &|reference| Some(reference.step.to_string()));
        }
        self
    }
}

impl Signals {
    /// The load balancer metrics of target groups of functions. Takes the full names of load balancer and group: `app/name/id`
    /// and `targetgroup/name/id`.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
    pub fn of_target_groups(groups: &[(String, String)]) -> Self {
        // A failed invocation has no HTTP status.
        Signals::with_errors(groups, &["HTTPCode_Target_5XX_Count", "LambdaUserError", "LambdaInternalError"])
    }

    /// The load balancer metrics of target groups of tasks, behind a load balancer that serves nothing else. Its own 5xx
    /// responses are failed requests too, and it doesn't count them as requests.
    pub fn of_tasks(load_balancer: &str, groups: &[(String, String)]) -> Self {
        let mut signals = Signals::with_errors(groups, &["HTTPCode_Target_5XX_Count"]);
        let unanswered = Metric::new("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", [("LoadBalancer", load_balancer)]);
        signals.requests.push(unanswered.clone());
        signals.errors.push(unanswered);
        signals
    }

    fn with_errors(groups: &[(String, String)], errors: &[&str]) -> Self {
        let of_all = |names: &[&str]| {
            let of = |name: &str, (balancer, group): &(String, String)| {
                let dimensions = [("LoadBalancer", balancer.as_str()), ("TargetGroup", group.as_str())];
                Metric::new("AWS/ApplicationELB", name, dimensions)
            };
            names.iter().flat_map(|name| groups.iter().map(move |group| of(name, group))).collect()
        };
        Signals {
            requests: of_all(&["RequestCount"]),
            errors: of_all(errors),
            latency: of_all(&["TargetResponseTime"]),
            latency_unit_ms: 1000.0,
        }
    }
}

impl EdgeLever {
    /// A listener whose default action forwards by weight.
    pub fn of_listener(
        name: impl Into<String>,
        region: impl Into<String>,
        listener: &ListenerArn,
        [blue, green]: [&TargetGroupArn; 2],
    ) -> Self {
        let (name, region, listener) = (name.into(), region.into(), listener.clone());
        EdgeLever { name, region, listener, rule: None, blue: blue.clone(), green: green.clone() }
    }

    fn exists(&self) -> bool {
        let arns = [&*self.listener, &self.blue, &self.green];
        arns.into_iter().chain(self.rule.as_deref()).all(is_known)
    }
}

impl DnsLever {
    fn exists(&self) -> bool {
        is_known(&self.hosted_zone) && is_known(&self.name)
    }
}

/// The state file contains levers that this build can't read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("can't read the levers in the state file: {0}\n  run `provisioner apply`, which writes them again")]
pub struct UnreadableLevers(String);
