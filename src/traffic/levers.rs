//! Levers: what moves the traffic of a system, whichever system it is, and what is watched while it moves.
//!
//! Two load balancers and the name in front of them, a single load balancer, or DNS alone. A system says its levers when it
//! is composed, with references in the place of what doesn't stand yet. The state file keeps them like that, so whoever
//! reads it finds the levers that stand now, also after a run that died.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::reference;
use crate::resources::cloudwatch::Metric;
use crate::resources::ids::{HostedZoneId, ListenerArn, ListenerRuleArn, TargetGroupArn, is_known};
use crate::state::State;

/// What moves the traffic of a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Levers {
    /// The listeners that forward by weight. Their weights decide which share of the requests green serves.
    pub edges: Vec<EdgeLever>,
    /// The weighted name. In front of edges it decides through which of them clients come in; where there are none, it is
    /// all that moves the traffic.
    pub dns: Option<DnsLever>,
    /// What is looked at to tell whether green is well.
    pub watched: Watched,
}

/// A listener that forwards by weight to both environments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeLever {
    /// The environment whose edge it is: `blue`.
    pub name: String,
    /// Its region.
    pub region: String,
    /// The listener.
    pub listener: ListenerArn,
    /// The rule of the listener that forwards by weight; `None`: the listener's default action does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<ListenerRuleArn>,
    /// Blue's target group on it.
    pub blue: TargetGroupArn,
    /// Green's.
    pub green: TargetGroupArn,
}

/// Two weighted records of one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsLever {
    /// The hosted zone.
    pub hosted_zone: HostedZoneId,
    /// The name, without a dot at the end.
    pub name: String,
    /// `A`.
    pub record_type: String,
    /// The set identifier of blue's record.
    pub blue: String,
    /// The set identifier of green's record.
    pub green: String,
}

/// What tells whether green is well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// The region of alarms and metrics.
    pub region: String,
    /// The names of the alarms that say that customers of green suffer.
    pub alarms: Vec<String>,
    /// The alarm that is in ALARM while any of those is, and that calls the failback function.
    pub composite: Option<String>,
    /// What blue's customers get.
    pub blue: Signals,
    /// What green's customers get.
    pub green: Signals,
    /// Green's target groups where it is no edge that forwards to them by weight: the group, by its name for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub green_targets: Vec<(String, TargetGroupArn)>,
    /// Counts what green's customers have written into data that blue doesn't have.
    pub green_writes: Option<Metric>,
}

/// The metrics of an environment's customers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Requests: their sum is all of them.
    pub requests: Vec<Metric>,
    /// Failed requests: their sum is all of them.
    pub errors: Vec<Metric>,
    /// How long requests take.
    pub latency: Vec<Metric>,
    /// The latencies' unit in ms: 1000 for seconds.
    pub latency_unit_ms: f64,
}

impl Levers {
    /// Those of a system with one load balancer: the full names of load balancer and target group for blue and for green, and
    /// the names of the alarms that say that green's customers suffer.
    pub fn of_edge(edge: EdgeLever, [blue, green]: &[(String, String); 2], alarms: Vec<String>) -> Self {
        let signals = |groups| Signals::of_target_groups(std::slice::from_ref(groups));
        let (blue, green, region) = (signals(blue), signals(green), edge.region.clone());
        let watched =
            Watched { region, alarms, composite: None, blue, green, green_targets: Vec::new(), green_writes: None };
        Levers { edges: vec![edge], dns: None, watched }
    }

    /// The levers of the system in this state; `None` if it has none, or was never applied. Some may not stand (yet, or any
    /// more): see [`Levers::missing`].
    ///
    /// # Errors
    /// The state holds levers that this build can't read.
    pub fn of(state: &State) -> Result<Option<Levers>, NoLevers> {
        let Some(symbolic) = &state.levers else { return Ok(None) };
        let lookup = |reference: &reference::Reference| {
            let outputs = &state.steps.get(&reference.step)?.outputs;
            outputs.get(&reference.field)?.as_str().map(str::to_owned)
        };
        let levers = serde_json::from_value(reference::resolve(symbolic, &lookup));
        levers.map(Some).map_err(|error| NoLevers(error.to_string()))
    }

    /// With references, for the state file.
    pub fn symbolic(&self) -> Value {
        serde_json::to_value(self).expect("levers are plain data")
    }

    /// The weights are moved by load balancers; otherwise by DNS alone.
    pub fn have_edges(&self) -> bool {
        !self.edges.is_empty()
    }

    /// The names of the levers that don't stand.
    pub fn missing(&self) -> Vec<String> {
        let edges = self.edges.iter().filter(|edge| !edge.stands()).map(|edge| format!("{}'s edge", edge.name));
        let dns = self.dns.iter().filter(|dns| !dns.stands()).map(|dns| format!("the name {}", dns.name));
        edges.chain(dns).collect()
    }

    /// Only the levers that stand. What is watched and doesn't stand is called as its step is: it is missing to whoever looks.
    pub fn standing(mut self) -> Self {
        self.edges.retain(EdgeLever::stands);
        self.dns = self.dns.filter(DnsLever::stands);
        for alarm in self.watched.alarms.iter_mut().chain(&mut self.watched.composite) {
            *alarm = reference::resolve_text(alarm, &|reference| Some(reference.step.to_string()));
        }
        self
    }
}

impl Signals {
    /// What load balancers tell of target groups of functions: full names of load balancer and group, `app/name/id` and
    /// `targetgroup/name/id`.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
    pub fn of_target_groups(groups: &[(String, String)]) -> Self {
        // A function that fails gives no status of its own.
        Signals::with_errors(groups, &["HTTPCode_Target_5XX_Count", "LambdaUserError", "LambdaInternalError"])
    }

    /// The same of target groups of tasks behind a load balancer that serves nothing else. What it answers by itself, as no
    /// task does, are failed requests too, and it counts them as no requests.
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
    fn stands(&self) -> bool {
        let arns = [&*self.listener, &self.blue, &self.green];
        arns.into_iter().chain(self.rule.as_deref()).all(is_known)
    }
}

impl DnsLever {
    fn stands(&self) -> bool {
        is_known(&self.hosted_zone) && is_known(&self.name)
    }
}

/// The state file holds levers that this build can't read.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "the state file tells levers that this provisioner can't read: {0}\n  run `provisioner apply`, which writes them anew"
)]
pub struct NoLevers(String);
