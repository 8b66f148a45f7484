//! Alarms: those that notify people, and those that trigger the automatic failback.

use std::collections::BTreeSet;

use super::Scope;
use super::monitored::{Monitored, MonitoredService, dimensions};
use crate::resources::cloudwatch::{
    Alarm, AlarmOutputs, Comparison, CompositeAlarm, CompositeAlarmOutputs, Measure, Metric, MissingData, Query,
    QueryMeasure,
};
use crate::resources::ids::{HealthCheckId, TopicArn};

/// Alarm thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Evaluation periods (minutes) of the alarms that trigger the failback.
    pub evaluation_minutes: u32,
    /// Failed requests or invocations, percent.
    pub error_percent: f64,
    /// Requests or invocations per period below which error rates and latencies are ignored.
    pub min_requests: u32,
    /// Failed requests of a service per period below which its error rate is ignored.
    pub min_errors: u32,
    /// p99 latency, ms.
    pub p99_latency_ms: f64,
    /// Age of the oldest message, s.
    pub queue_age_seconds: f64,
    /// Messages in the queue.
    pub queue_depth: f64,
    /// CPU utilization of a database instance, percent.
    pub database_cpu_percent: f64,
    /// Connections to a database instance.
    pub database_connections: f64,
    /// Freeable memory of a database instance, MiB.
    pub database_free_memory_mib: f64,
    /// Replication lag of a reader, ms.
    pub replica_lag_ms: f64,
    /// Replication lag of the recovery region, ms.
    pub recovery_lag_ms: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            evaluation_minutes: 2,
            error_percent: 1.0,
            min_requests: 10,
            min_errors: 2,
            p99_latency_ms: 1_000.0,
            queue_age_seconds: 300.0,
            queue_depth: 1_000.0,
            database_cpu_percent: 80.0,
            database_connections: 500.0,
            database_free_memory_mib: 256.0,
            replica_lag_ms: 1_000.0,
            recovery_lag_ms: 5_000.0,
        }
    }
}

/// A data sync to monitor.
#[derive(Clone, Copy, Debug)]
pub struct MonitoredSync<'a> {
    /// The name of the function.
    pub function: &'a str,
    /// The namespace of its metrics.
    pub namespace: &'a str,
    /// The name of its dead-letter queue.
    pub dead_letters: &'a str,
    /// The lag that raises the alarm, s.
    pub lag_seconds: f64,
    /// The topic for alarms.
    pub topic: &'a TopicArn,
}

/// The alarms of an environment.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    /// All alarms.
    pub all: Vec<AlarmOutputs>,
    /// The names of the alarms on failing requests of customers: they stop a shift, and trigger the failback.
    pub traffic: Vec<String>,
}

/// Adds an environment's alarms.
pub fn alarms(scope: &Scope<'_>, monitored: &Monitored, topic: &TopicArn, thresholds: &Thresholds) -> Alarms {
    let mut set = Set::new(scope, topic);
    match &monitored.load_balancer {
        Some(balancer) if monitored.dedicated_load_balancer => set.dedicated_load_balancer(balancer, thresholds),
        Some(balancer) => set.load_balancer(balancer, thresholds),
        None => (),
    }
    for (index, group) in monitored.target_groups.iter().enumerate() {
        set.target_group(index + 1, group, thresholds);
    }
    for (label, function) in &monitored.functions {
        set.function(label, function, thresholds);
    }
    for service in &monitored.services {
        set.service(service, thresholds);
    }
    if let Some(queue) = &monitored.queue {
        set.queue(queue, thresholds);
    }
    for (index, queue) in monitored.dead_letter_queues.iter().enumerate() {
        set.dead_letters(&format!("dead-letters-{}", index + 1), queue);
    }
    for (index, instance) in monitored.database_instances.iter().enumerate() {
        set.database(&format!("instance-{}", index + 1), instance, thresholds);
    }
    set.alarms
}

/// Adds an alarm on the replication lag of a secondary cluster. The scope is in the cluster's region, where the metric is.
pub fn recovery_lag_alarm(
    scope: &Scope<'_>,
    secondary_cluster: &str,
    topic: &TopicArn,
    thresholds: &Thresholds,
) -> AlarmOutputs {
    let mut set = Set::new(scope, topic);
    let metric = Metric::new("AWS/RDS", "AuroraGlobalDBReplicationLag", [("DBClusterIdentifier", secondary_cluster)]);
    let check =
        Check::above(thresholds.recovery_lag_ms, "the recovery region is behind: a failover now would lose data");
    // No data means that replication has stopped.
    let check = check.lasting(5).without_data(MissingData::Breaching);
    set.add("recovery-lag", single(metric, "Maximum"), check)
}

/// Adds the alarms on the data sync: failed runs, quarantined rows, lag, missing runs.
pub fn sync_alarms(scope: &Scope<'_>, sync: &MonitoredSync<'_>) -> Vec<AlarmOutputs> {
    let mut set = Set::new(scope, sync.topic);
    let own = |name: &str| Metric::new(sync.namespace, name, [("Job", "data-sync")]);
    let failed = Metric::new("AWS/Lambda", "Errors", [("FunctionName", sync.function)]);
    let check = Check::above(0.0, "a run of the data sync failed: see its log, `provisioner sync status`");
    set.add("sync-failed", single(failed, "Sum"), check.lasting(1));
    let check = Check::above(0.0, "rows can't be taken over as they are: see sync_quarantine in green");
    set.add("sync-quarantine", single(own("RowsQuarantined"), "Sum"), check.lasting(1));
    let check = Check::above(sync.lag_seconds, "green is behind blue: see `provisioner sync status`");
    set.add("sync-lag", single(own("LagSeconds"), "Maximum"), check.lasting(5));
    // A stopped sync reports this metric, too.
    let check = Check::below(1.0, "nobody calls the data sync: look at its schedule and its log");
    let check = check.lasting(15).without_data(MissingData::Breaching);
    set.add("sync-silent", single(own("RunFailed"), "SampleCount"), check);
    set.dead_letters("sync-dead-letters", sync.dead_letters);
    set.alarms.all
}

/// Adds an alarm on failed runs of the function that migrates the database's schema.
pub fn migrate_alarm(scope: &Scope<'_>, function: &str, topic: &TopicArn) -> AlarmOutputs {
    let mut set = Set::new(scope, topic);
    let failed = Metric::new("AWS/Lambda", "Errors", [("FunctionName", function)]);
    let check = Check::above(0.0, "a run of the schema's migration failed: see its log, then run it again");
    set.add("migrate-failed", single(failed, "Sum"), check.lasting(1))
}

/// Adds the alarms on the failback function: when it fails, people have to act.
pub fn failback_alarms(scope: &Scope<'_>, function: &str, dead_letters: &str, topic: &TopicArn) -> Vec<AlarmOutputs> {
    let mut set = Set::new(&scope.at("failback"), topic);
    let failed = Metric::new("AWS/Lambda", "Errors", [("FunctionName", function)]);
    let check = Check::above(0.0, "traffic may not be back at blue: run `provisioner failback` now, then see its log");
    set.add("failback-failed", single(failed, "Sum"), check.lasting(1));
    set.dead_letters("failback-dead-letters", dead_letters);
    set.alarms.all
}

/// Adds an alarm on a health check. The scope is in us-east-1, where Route 53 has its metrics.
pub fn health_check_alarm(scope: &Scope<'_>, health_check: &HealthCheckId, topic: &TopicArn) -> AlarmOutputs {
    let mut set = Set::new(scope, topic);
    let metric = Metric::new("AWS/Route53", "HealthCheckStatus", [("HealthCheckId", health_check.to_string())]);
    let check = Check::below(1.0, "Route 53 takes this edge for dead and sends clients to the other one");
    set.add("health-check", single(metric, "Minimum"), check.without_data(MissingData::Breaching))
}

/// Adds the alarm that triggers the failback: it is raised while any of green's traffic alarms is.
pub fn green_unhealthy(scope: &Scope<'_>, traffic_alarms: &[String], topic: &TopicArn) -> CompositeAlarmOutputs {
    let rule: Vec<String> = traffic_alarms.iter().map(|name| format!("ALARM(\"{name}\")")).collect();
    scope.add(
        "green-unhealthy",
        CompositeAlarm {
            name: scope.name("green-unhealthy"),
            description: "Customers of green suffer: all traffic goes back to blue".to_owned(),
            rule: rule.join(" OR "),
            actions_enabled: true,
            actions: BTreeSet::from([topic.to_string()]),
            ok_actions: BTreeSet::from([topic.to_string()]),
        },
    )
}

/// The condition of an alarm.
struct Check {
    comparison: Comparison,
    threshold: f64,
    meaning: &'static str,
    minutes: i32,
    missing: MissingData,
    traffic: bool,
}

impl Check {
    fn above(threshold: f64, meaning: &'static str) -> Self {
        let missing = MissingData::NotBreaching;
        Check { comparison: Comparison::Greater, threshold, meaning, minutes: 2, missing, traffic: false }
    }

    fn below(threshold: f64, meaning: &'static str) -> Self {
        Check { comparison: Comparison::Less, ..Check::above(threshold, meaning) }
    }

    /// Sets the number of evaluation periods.
    fn lasting(self, minutes: i32) -> Self {
        Check { minutes, ..self }
    }

    fn without_data(self, missing: MissingData) -> Self {
        Check { missing, ..self }
    }

    /// Marks an alarm on failing requests of customers: it triggers the failback.
    fn of_traffic(self, thresholds: &Thresholds) -> Self {
        Check { traffic: true, minutes: thresholds.evaluation_minutes.cast_signed(), ..self }
    }
}

struct Set<'a> {
    scope: Scope<'a>,
    topic: &'a TopicArn,
    alarms: Alarms,
}

impl<'a> Set<'a> {
    fn new(scope: &Scope<'a>, topic: &'a TopicArn) -> Self {
        Set { scope: scope.at("alarms"), topic, alarms: Alarms::default() }
    }

    fn add(&mut self, what: &str, measure: Measure, check: Check) -> AlarmOutputs {
        let alarm = self.scope.add(
            what,
            Alarm {
                name: self.scope.name_within(what, 255),
                description: format!("{}: {}", self.scope.environment_name(), check.meaning),
                measure,
                comparison: check.comparison,
                threshold: check.threshold,
                evaluation_periods: check.minutes,
                datapoints_to_alarm: Some(check.minutes),
                missing_data: check.missing,
                actions_enabled: true,
                actions: BTreeSet::from([self.topic.to_string()]),
                ok_actions: BTreeSet::from([self.topic.to_string()]),
            },
        );
        if check.traffic {
            self.alarms.traffic.push(alarm.name.clone());
        }
        self.alarms.all.push(alarm.clone());
        alarm
    }

    /// The error rate of a load balancer that forwards to both environments: it doesn't trigger the failback.
    fn load_balancer(&mut self, load_balancer: &str, thresholds: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/ApplicationELB", name, [("LoadBalancer", load_balancer)]);
        let errors = ["HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"].map(metric);
        let measure = percentage(&errors, metric("RequestCount"), thresholds.min_requests);
        self.add("edge-errors", measure, Check::above(thresholds.error_percent, "the edge answers with errors (5xx)"));
    }

    /// The error rate of an environment's own load balancer. `RequestCount` doesn't include requests without a target.
    fn dedicated_load_balancer(&mut self, load_balancer: &str, thresholds: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/ApplicationELB", name, [("LoadBalancer", load_balancer)]);
        let own = metric("HTTPCode_ELB_5XX_Count");
        let errors = [own.clone(), metric("HTTPCode_Target_5XX_Count")];
        let measure = share_of_errors(60, &errors, &[metric("RequestCount"), own], thresholds.min_errors);
        let check = Check::above(thresholds.error_percent, "requests of this environment's customers fail (5xx)");
        self.add("edge-errors", measure, check.of_traffic(thresholds));
    }

    fn target_group(&mut self, number: usize, group: &(String, String), thresholds: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/ApplicationELB", name, dimensions(group));
        let errors = ["HTTPCode_Target_5XX_Count", "LambdaUserError", "LambdaInternalError"].map(metric);
        let measure = percentage(&errors, metric("RequestCount"), thresholds.min_requests);
        let check = Check::above(thresholds.error_percent, "what serves the customers answers with errors (5xx)");
        self.add(&format!("target-errors-{number}"), measure, check.of_traffic(thresholds));
    }

    fn function(&mut self, label: &str, function: &str, thresholds: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/Lambda", name, [("FunctionName", function)]);
        let measure = percentage(&[metric("Errors")], metric("Invocations"), thresholds.min_requests);
        let check = Check::above(thresholds.error_percent, "calls of the function fail");
        self.add(&format!("{label}-errors"), measure, check.of_traffic(thresholds));
        let check = Check::above(0.0, "calls of the function are refused: it is at its or the account's concurrency");
        self.add(&format!("{label}-throttles"), single(metric("Throttles"), "Sum"), check.of_traffic(thresholds));
        let check = Check::above(thresholds.p99_latency_ms, "one call of the function in a hundred takes too long");
        self.add(&format!("{label}-latency"), single(metric("Duration"), "p99"), check.of_traffic(thresholds));
    }

    /// The error rate over five minutes notifies people, that over one minute triggers the failback.
    fn service(&mut self, service: &MonitoredService, thresholds: &Thresholds) {
        let label = service.label;
        let metric = |name: &str| Metric::new("AWS/ApplicationELB", name, dimensions(&service.target_group));
        let errors = [metric("HTTPCode_Target_5XX_Count")];
        let percent = |seconds| share_of_errors(seconds, &errors, &[metric("RequestCount")], thresholds.min_errors);
        let check = Check::above(thresholds.error_percent, "requests of the service failed in the last five minutes");
        self.add(&format!("{label}-errors"), percent(300), check.lasting(1));
        let check = Check::above(thresholds.error_percent, "what serves the customers answers with errors (5xx)");
        self.add(&format!("{label}-failing"), percent(60), check.of_traffic(thresholds));
        let check =
            Check::above(thresholds.p99_latency_ms / 1000.0, "one request of the service in a hundred takes too long");
        let latency = with_enough("p99", metric("TargetResponseTime"), metric("RequestCount"), thresholds.min_requests);
        let check = if service.interactive { check.of_traffic(thresholds) } else { check.lasting(5) };
        self.add(&format!("{label}-latency"), latency, check);
        let check = Check::below(1.0, "no task of the service answers that it is well");
        self.add(&format!("{label}-down"), single(metric("HealthyHostCount"), "Maximum"), check.of_traffic(thresholds));
        let check = Check::above(0.0, "tasks of the service don't answer that they are well");
        self.add(&format!("{label}-unhealthy"), single(metric("UnHealthyHostCount"), "Maximum"), check.lasting(3));
        let dimensions = [("ClusterName", service.cluster.as_str()), ("ServiceName", &service.service)];
        let count = |id: &str, name: &str| Query {
            id: id.to_owned(),
            label: None,
            measure: QueryMeasure::Metric {
                metric: Metric::new("ECS/ContainerInsights", name, dimensions),
                statistic: "Average".to_owned(),
                period_seconds: 60,
            },
            returned: false,
        };
        let missing = Query {
            id: "missing".to_owned(),
            label: Some("tasks that should run and don't".to_owned()),
            measure: QueryMeasure::Expression("FILL(desired, 0) - FILL(running, 0)".to_owned()),
            returned: true,
        };
        let tasks = vec![missing, count("desired", "DesiredTaskCount"), count("running", "RunningTaskCount")];
        let check = Check::above(0.0, "fewer tasks of the service run than should: see its events in ECS");
        self.add(&format!("{label}-tasks"), Measure::Queries(tasks), check.lasting(5));
    }

    fn dead_letters(&mut self, what: &str, queue: &str) {
        let metric = Metric::new("AWS/SQS", "ApproximateNumberOfMessagesVisible", [("QueueName", queue)]);
        let meaning = "messages failed for good: read them, mend the cause, send them again"; // words: allow (stored in AWS)
        let check = Check::above(0.0, meaning);
        self.add(what, single(metric, "Maximum"), check);
    }

    fn queue(&mut self, queue: &str, thresholds: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/SQS", name, [("QueueName", queue)]);
        let age = single(metric("ApproximateAgeOfOldestMessage"), "Maximum");
        let check = Check::above(thresholds.queue_age_seconds, "payments wait too long: see the processor's errors");
        self.add("queue-age", age, check.of_traffic(thresholds));
        let depth = single(metric("ApproximateNumberOfMessagesVisible"), "Maximum");
        let check = Check::above(thresholds.queue_depth, "payments come faster than they are processed");
        self.add("queue-depth", depth, check.lasting(5));
    }

    fn database(&mut self, label: &str, instance: &str, thresholds: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/RDS", name, [("DBInstanceIdentifier", instance)]);
        let mut add = |what: &str, name: &str, statistic: &str, check: Check| {
            let check = check.lasting(5).without_data(MissingData::Missing);
            self.add(&format!("database-{label}-{what}"), single(metric(name), statistic), check);
        };
        let check = Check::above(thresholds.database_cpu_percent, "the database is busy: raise its most capacity");
        add("cpu", "CPUUtilization", "Average", check);
        let check = Check::above(thresholds.database_connections, "the database has many connections");
        add("connections", "DatabaseConnections", "Maximum", check);
        let bytes = thresholds.database_free_memory_mib * 1024.0 * 1024.0;
        add("memory", "FreeableMemory", "Minimum", Check::below(bytes, "the database runs out of memory"));
        // The writer has no such metric.
        let check = Check::above(thresholds.replica_lag_ms, "the reader is behind the writer");
        add("lag", "AuroraReplicaLag", "Maximum", check);
    }
}

/// A metric in periods of one minute.
fn single(metric: Metric, statistic: &str) -> Measure {
    Measure::Single { metric, statistic: statistic.to_owned(), period_seconds: 60 }
}

/// The error rate per minute, in percent; 0 below `min` requests.
fn percentage(errors: &[Metric], all: Metric, min: u32) -> Measure {
    let expression = |errors: &str, _: &str| format!("IF(FILL(all, 0) >= {min}, 100 * ({errors}) / all, 0)");
    ratio(60, errors, &[("all".to_owned(), all)], expression)
}

/// The error rate, in percent; 0 below `min` errors. A minimum of errors instead of requests also catches a service with few
/// requests that all fail.
fn share_of_errors(period_seconds: i32, errors: &[Metric], all: &[Metric], min: u32) -> Measure {
    let all: Vec<_> = (1..).map(|number| format!("all{number}")).zip(all.iter().cloned()).collect();
    let expression = |errors: &str, all: &str| format!("IF({errors} >= {min}, 100 * ({errors}) / ({all}), 0)");
    ratio(period_seconds, errors, &all, expression)
}

/// A statistic of a metric; 0 below `min` requests.
fn with_enough(statistic: &str, metric: Metric, requests: Metric, min: u32) -> Measure {
    let query = |id: &str, metric: Metric, statistic: &str| Query {
        id: id.to_owned(),
        label: None,
        measure: QueryMeasure::Metric { metric, statistic: statistic.to_owned(), period_seconds: 60 },
        returned: false,
    };
    let value = Query {
        id: "value".to_owned(),
        label: Some(statistic.to_owned()),
        measure: QueryMeasure::Expression(format!("IF(FILL(requests, 0) >= {min}, FILL(raw, 0), 0)")),
        returned: true,
    };
    Measure::Queries(vec![value, query("raw", metric, statistic), query("requests", requests, "Sum")])
}

/// A metric math expression of the sums of errors and of all requests.
fn ratio(
    period_seconds: i32,
    errors: &[Metric],
    all: &[(String, Metric)],
    expression: impl Fn(&str, &str) -> String,
) -> Measure {
    let sum = |id: String, metric: Metric| Query {
        id,
        label: None,
        measure: QueryMeasure::Metric { metric, statistic: "Sum".to_owned(), period_seconds },
        returned: false,
    };
    let ids: Vec<String> = (1..=errors.len()).map(|number| format!("errors{number}")).collect();
    let filled =
        |ids: &mut dyn Iterator<Item = &String>| ids.map(|id| format!("FILL({id}, 0)")).collect::<Vec<_>>().join(" + ");
    let expression = expression(&filled(&mut ids.iter()), &filled(&mut all.iter().map(|(id, _)| id)));
    let percent = Query {
        id: "percent".to_owned(),
        label: Some("errors in percent".to_owned()),
        measure: QueryMeasure::Expression(expression),
        returned: true,
    };
    let errors = ids.into_iter().zip(errors.iter().cloned());
    let metrics = all.iter().cloned().chain(errors).map(|(id, metric)| sum(id, metric));
    Measure::Queries([percent].into_iter().chain(metrics).collect())
}
