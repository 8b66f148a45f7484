//! What sends all traffic back to blue by itself, whatever the system's levers are.

use crate::modules::Scope;
use crate::modules::alarms::failback_alarms;
use crate::modules::failback::{Edge, FailbackParams, WeightedRecord, WeightedRecords, failback};
use crate::modules::foundation::Foundation;
use crate::package::Package;
use crate::resources::cloudwatch::{AlarmOutputs, CompositeAlarmOutputs};
use crate::traffic::levers::{DnsLever, EdgeLever, Levers};

/// What it needs.
pub(super) struct Failback<'a> {
    /// What moves the traffic.
    pub levers: &'a Levers,
    /// Goes off when green's customers suffer.
    pub alarm: &'a CompositeAlarmOutputs,
    /// The topic where it tells what it did, and its key.
    pub shared: &'a Foundation,
    /// The code of `failback`.
    pub package: &'a Package,
    /// For example `nodejs24.x`.
    pub runtime: &'a str,
    /// It can be called even when all that the account may run at once is running.
    pub reserved: bool,
    /// How long its log is kept, in days.
    pub log_retention_days: i32,
}

/// Green's alarms send all traffic back to blue, whether anybody watches or not. Gives the alarms on that itself.
pub(super) fn fail_back(root: &Scope<'_>, params: &Failback<'_>) -> Vec<AlarmOutputs> {
    let edge =
        |edge: &EdgeLever| Edge { listener: edge.listener.clone(), blue: edge.blue.clone(), green: edge.green.clone() };
    let edges: Vec<_> = params.levers.edges.iter().map(edge).collect();
    let record = |dns: &DnsLever, environment: &str, set_identifier: &str| WeightedRecord {
        name: dns.name.clone(),
        kind: dns.record_type.clone(),
        set_identifier: set_identifier.to_owned(),
        environment: environment.to_owned(),
    };
    let both = |dns: &DnsLever| [record(dns, "blue", &dns.blue), record(dns, "green", &dns.green)];
    let records = params.levers.dns.as_ref().map(both);
    let dns = params.levers.dns.as_ref().zip(records.as_ref());
    let made = failback(
        root,
        &FailbackParams {
            package: params.package,
            network: None,
            reserved: params.reserved,
            runtime: params.runtime,
            alarm_name: &params.alarm.name,
            alarm_arn: &params.alarm.arn,
            topic: &params.shared.events,
            edges: &edges,
            dns: dns.map(|(dns, records)| WeightedRecords { zone: &dns.hosted_zone, records }),
            key: &params.shared.key.arn,
            log_retention_days: params.log_retention_days,
        },
    );
    failback_alarms(root, &made.function.name, &made.dead_letters.name, &params.shared.alerts)
}
