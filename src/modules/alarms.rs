//! What wakes people, and what sends traffic back to blue.

use std::collections::BTreeSet;

use super::Scope;
use crate::resources::cloudwatch::{
    Alarm, AlarmOutputs, Comparison, CompositeAlarm, CompositeAlarmOutputs, Measure, Metric, MissingData, Query,
    QueryMeasure,
};
use crate::resources::ids::{HealthCheckId, TopicArn};

/// From where on something is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// How many bad minutes make an alarm that says that customers suffer.
    pub evaluation_minutes: u32,
    /// Errors among requests or calls, in percent.
    pub error_percent: f64,
    /// Requests or calls in a period below which a share of errors says nothing.
    pub least_requests: u32,
    /// Failed requests of a service in a period below which their share says nothing.
    pub least_errors: u32,
    /// What one call in a hundred takes longer than, in ms.
    pub p99_latency_ms: f64,
    /// How long the oldest message has waited, in seconds.
    pub queue_age_seconds: f64,
    /// How many messages wait.
    pub queue_depth: f64,
    /// Busy time of a database instance, in percent.
    pub database_cpu_percent: f64,
    /// Connections to a database instance.
    pub database_connections: f64,
    /// Memory that a database instance has left, in MiB.
    pub database_free_memory_mib: f64,
    /// How far a reader is behind its writer, in ms.
    pub replica_lag_ms: f64,
    /// How far the recovery region is behind, in ms.
    pub recovery_lag_ms: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            evaluation_minutes: 2,
            error_percent: 1.0,
            least_requests: 10,
            least_errors: 2,
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

/// What is watched of an environment.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// Its own edge: the load balancer's full name, `app/name/id`.
    pub load_balancer: &'a str,
    /// Its own edge serves it and nothing else: what fails there are its own customers' requests.
    pub dedicated_load_balancer: bool,
    /// The groups that serve it, one an edge: full names of load balancer and group.
    pub target_groups: &'a [(&'a str, &'a str)],
    /// Its functions: what each is called here, and its name in the account.
    pub functions: &'a [(&'a str, &'a str)],
    /// Its services.
    pub services: &'a [WatchedService<'a>],
    /// Its queue's name.
    pub queue: Option<&'a str>,
    /// The names of the queues for what failed.
    pub dead_letter_queues: &'a [&'a str],
    /// Its database instances: what each is called here (`writer`, `reader`), and its identifier.
    pub database_instances: &'a [(&'a str, &'a str)],
    /// Who is told.
    pub topic: &'a TopicArn,
    /// From where on something is wrong.
    pub thresholds: &'a Thresholds,
}

/// A service of ECS behind a load balancer.
#[derive(Clone, Copy, Debug)]
pub struct WatchedService<'a> {
    /// What it is called here.
    pub label: &'a str,
    /// The cluster's name.
    pub cluster: &'a str,
    /// The service's name.
    pub service: &'a str,
    /// The load balancer's full name.
    pub load_balancer: &'a str,
    /// The target group's full name.
    pub target_group: &'a str,
    /// Somebody waits for its answers: if they take too long, customers suffer.
    pub is_waited_for: bool,
}

/// A function that moves data from blue to green.
#[derive(Clone, Copy, Debug)]
pub struct WatchedSync<'a> {
    /// Its name in the account.
    pub function: &'a str,
    /// The namespace of the metrics that it gives.
    pub namespace: &'a str,
    /// The queue for calls that failed for good.
    pub dead_letters: &'a str,
    /// How far behind it may be, in seconds.
    pub lag_seconds: f64,
    /// Who is told.
    pub topic: &'a TopicArn,
}

/// The alarms of an environment.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    /// All of them.
    pub all: Vec<AlarmOutputs>,
    /// The names of those that say that customers suffer: they gate a shift, and send traffic back.
    pub traffic: Vec<String>,
}

/// Puts an environment's alarms here.
pub fn alarms(scope: &Scope<'_>, watched: &Watched<'_>) -> Alarms {
    let mut set = Set { scope: scope.at("alarms"), topic: watched.topic, alarms: Alarms::default() };
    let limits = watched.thresholds;
    if watched.dedicated_load_balancer {
        set.own_edge(watched.load_balancer, limits);
    } else {
        set.edge(watched.load_balancer, limits);
    }
    for (index, (load_balancer, group)) in watched.target_groups.iter().enumerate() {
        set.target_group(index + 1, load_balancer, group, limits);
    }
    for (label, function) in watched.functions {
        set.function(label, function, limits);
    }
    for service in watched.services {
        set.service(service, limits);
    }
    if let Some(queue) = watched.queue {
        set.queue(queue, limits);
    }
    for (index, queue) in watched.dead_letter_queues.iter().enumerate() {
        set.dead_letters(&format!("dead-letters-{}", index + 1), queue);
    }
    for (label, instance) in watched.database_instances {
        set.database(label, instance, limits);
    }
    set.alarms
}

/// Puts an alarm on how far a secondary cluster is behind here, in its own region, where AWS measures it.
pub fn recovery_lag_alarm(
    scope: &Scope<'_>,
    secondary_cluster: &str,
    topic: &TopicArn,
    thresholds: &Thresholds,
) -> AlarmOutputs {
    let mut set = Set { scope: scope.at("alarms"), topic, alarms: Alarms::default() };
    let metric = Metric::new("AWS/RDS", "AuroraGlobalDBReplicationLag", [("DBClusterIdentifier", secondary_cluster)]);
    let check =
        Check::above(thresholds.recovery_lag_ms, "the recovery region is behind: a failover now would lose data");
    // No data is a replication that has stopped.
    let check = check.lasting(5).without_data(MissingData::Breaching);
    set.add("recovery-lag", single(metric, "Maximum"), check)
}

/// Puts the alarms on the data sync here: a run that failed, what couldn't be taken over, and falling behind.
pub fn sync_alarms(scope: &Scope<'_>, watched: &WatchedSync<'_>) -> Vec<AlarmOutputs> {
    let mut set = Set { scope: scope.at("alarms"), topic: watched.topic, alarms: Alarms::default() };
    let own = |name: &str| Metric::new(watched.namespace, name, [("Job", "data-sync")]);
    let failed = Metric::new("AWS/Lambda", "Errors", [("FunctionName", watched.function)]);
    let check = Check::above(0.0, "a run of the data sync failed: see its log, `provisioner sync status`");
    set.add("sync-failed", single(failed, "Sum"), check.lasting(1));
    let check = Check::above(0.0, "rows can't be taken over as they are: see sync_quarantine in green");
    set.add("sync-quarantine", single(own("RowsQuarantined"), "Sum"), check.lasting(1));
    let check = Check::above(watched.lag_seconds, "green is behind blue: see `provisioner sync status`");
    set.add("sync-lag", single(own("LagSeconds"), "Maximum"), check.lasting(5));
    // Also a sync that is stopped tells that it was called.
    let check = Check::below(1.0, "nobody calls the data sync: look at its schedule and its log");
    let check = check.lasting(15).without_data(MissingData::Breaching);
    set.add("sync-silent", single(own("RunFailed"), "SampleCount"), check);
    set.dead_letters("sync-dead-letters", watched.dead_letters);
    set.alarms.all
}

/// Puts an alarm on a function that changes the schema of a database here: a run of it that failed.
pub fn migrate_alarm(scope: &Scope<'_>, function: &str, topic: &TopicArn) -> AlarmOutputs {
    let mut set = Set { scope: scope.at("alarms"), topic, alarms: Alarms::default() };
    let failed = Metric::new("AWS/Lambda", "Errors", [("FunctionName", function)]);
    let check = Check::above(0.0, "a run of the schema's migration failed: see its log, then run it again");
    set.add("migrate-failed", single(failed, "Sum"), check.lasting(1))
}

/// Puts the alarms on the failback function here: what it can't do, people have to.
pub fn failback_alarms(scope: &Scope<'_>, function: &str, dead_letters: &str, topic: &TopicArn) -> Vec<AlarmOutputs> {
    let mut set = Set { scope: scope.at("failback/alarms"), topic, alarms: Alarms::default() };
    let failed = Metric::new("AWS/Lambda", "Errors", [("FunctionName", function)]);
    let check = Check::above(0.0, "traffic may not be back at blue: run `provisioner failback` now, then see its log");
    set.add("failback-failed", single(failed, "Sum"), check.lasting(1));
    set.dead_letters("failback-dead-letters", dead_letters);
    set.alarms.all
}

/// Puts an alarm on a health check here: in us-east-1, where Route 53 tells about all of them.
pub fn health_check_alarm(scope: &Scope<'_>, health_check: &HealthCheckId, topic: &TopicArn) -> AlarmOutputs {
    let mut set = Set { scope: scope.at("alarms"), topic, alarms: Alarms::default() };
    let metric = Metric::new("AWS/Route53", "HealthCheckStatus", [("HealthCheckId", health_check.to_string())]);
    let check = Check::below(1.0, "Route 53 takes this edge for dead and sends clients to the other one");
    set.add("health-check", single(metric, "Minimum"), check.without_data(MissingData::Breaching))
}

/// Puts the alarm that sends traffic back to blue here: any of green's alarms that say that customers suffer.
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

/// When an alarm goes off.
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

    /// It has to last so many minutes, not just two.
    fn lasting(self, minutes: i32) -> Self {
        Check { minutes, ..self }
    }

    fn without_data(self, missing: MissingData) -> Self {
        Check { missing, ..self }
    }

    /// Customers suffer.
    fn of_traffic(self, limits: &Thresholds) -> Self {
        Check { traffic: true, minutes: limits.evaluation_minutes.cast_signed(), ..self }
    }
}

struct Set<'a> {
    scope: Scope<'a>,
    topic: &'a TopicArn,
    alarms: Alarms,
}

impl Set<'_> {
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
                datapoints_to_alarm: check.minutes,
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

    /// What the edge itself answers with 5xx. It counts for whichever environment serves, so it sends no traffic back.
    fn edge(&mut self, load_balancer: &str, limits: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/ApplicationELB", name, [("LoadBalancer", load_balancer)]);
        let errors = ["HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"].map(metric);
        let measure = percentage(&errors, metric("RequestCount"), limits.least_requests);
        self.add("edge-errors", measure, Check::above(limits.error_percent, "the edge answers with errors (5xx)"));
    }

    /// What the edge answers with 5xx by itself, as no target answers, or passes on. A load balancer counts no request that it
    /// had no target for.
    fn own_edge(&mut self, load_balancer: &str, limits: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/ApplicationELB", name, [("LoadBalancer", load_balancer)]);
        let own = metric("HTTPCode_ELB_5XX_Count");
        let errors = [own.clone(), metric("HTTPCode_Target_5XX_Count")];
        let measure = share_of_errors(60, &errors, &[metric("RequestCount"), own], limits.least_errors);
        let check = Check::above(limits.error_percent, "requests of this environment's customers fail (5xx)");
        self.add("edge-errors", measure, check.of_traffic(limits));
    }

    fn target_group(&mut self, number: usize, load_balancer: &str, group: &str, limits: &Thresholds) {
        let dimensions = [("LoadBalancer", load_balancer), ("TargetGroup", group)];
        let metric = |name: &str| Metric::new("AWS/ApplicationELB", name, dimensions);
        let errors = ["HTTPCode_Target_5XX_Count", "LambdaUserError", "LambdaInternalError"].map(metric);
        let measure = percentage(&errors, metric("RequestCount"), limits.least_requests);
        let check = Check::above(limits.error_percent, "what serves the customers answers with errors (5xx)");
        self.add(&format!("target-errors-{number}"), measure, check.of_traffic(limits));
    }

    fn function(&mut self, label: &str, function: &str, limits: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/Lambda", name, [("FunctionName", function)]);
        let measure = percentage(&[metric("Errors")], metric("Invocations"), limits.least_requests);
        let check = Check::above(limits.error_percent, "calls of the function fail");
        self.add(&format!("{label}-errors"), measure, check.of_traffic(limits));
        let check = Check::above(0.0, "calls of the function are refused: it is at its or the account's concurrency");
        self.add(&format!("{label}-throttles"), single(metric("Throttles"), "Sum"), check.of_traffic(limits));
        let check = Check::above(limits.p99_latency_ms, "one call of the function in a hundred takes too long");
        self.add(&format!("{label}-latency"), single(metric("Duration"), "p99"), check.of_traffic(limits));
    }

    /// Errors over five minutes are told to people; a share of errors that customers suffer from sends them back at once.
    fn service(&mut self, service: &WatchedService<'_>, limits: &Thresholds) {
        let label = service.label;
        let dimensions = [("LoadBalancer", service.load_balancer), ("TargetGroup", service.target_group)];
        let metric = |name: &str| Metric::new("AWS/ApplicationELB", name, dimensions);
        let errors = [metric("HTTPCode_Target_5XX_Count")];
        let percent = |seconds| share_of_errors(seconds, &errors, &[metric("RequestCount")], limits.least_errors);
        let check = Check::above(limits.error_percent, "requests of the service failed in the last five minutes");
        self.add(&format!("{label}-errors"), percent(300), check.lasting(1));
        let check = Check::above(limits.error_percent, "what serves the customers answers with errors (5xx)");
        self.add(&format!("{label}-failing"), percent(60), check.of_traffic(limits));
        let check =
            Check::above(limits.p99_latency_ms / 1000.0, "one request of the service in a hundred takes too long");
        let latency = with_enough("p99", metric("TargetResponseTime"), metric("RequestCount"), limits.least_requests);
        let check = if service.is_waited_for { check.of_traffic(limits) } else { check.lasting(5) };
        self.add(&format!("{label}-latency"), latency, check);
        let check = Check::below(1.0, "no task of the service answers that it is well");
        self.add(&format!("{label}-down"), single(metric("HealthyHostCount"), "Maximum"), check.of_traffic(limits));
        let check = Check::above(0.0, "tasks of the service don't answer that they are well");
        self.add(&format!("{label}-unhealthy"), single(metric("UnHealthyHostCount"), "Maximum"), check.lasting(3));
        let dimensions = [("ClusterName", service.cluster), ("ServiceName", service.service)];
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
        let check = Check::above(0.0, "messages failed for good: read them, mend the cause, send them again");
        self.add(what, single(metric, "Maximum"), check);
    }

    fn queue(&mut self, queue: &str, limits: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/SQS", name, [("QueueName", queue)]);
        let age = single(metric("ApproximateAgeOfOldestMessage"), "Maximum");
        let check = Check::above(limits.queue_age_seconds, "payments wait too long: see the processor's errors");
        self.add("queue-age", age, check.of_traffic(limits));
        let depth = single(metric("ApproximateNumberOfMessagesVisible"), "Maximum");
        let check = Check::above(limits.queue_depth, "payments come faster than they are processed");
        self.add("queue-depth", depth, check.lasting(5));
    }

    fn database(&mut self, label: &str, instance: &str, limits: &Thresholds) {
        let metric = |name: &str| Metric::new("AWS/RDS", name, [("DBInstanceIdentifier", instance)]);
        let mut add = |what: &str, name: &str, statistic: &str, check: Check| {
            let check = check.lasting(5).without_data(MissingData::Missing);
            self.add(&format!("database-{label}-{what}"), single(metric(name), statistic), check);
        };
        let check = Check::above(limits.database_cpu_percent, "the database is busy: raise its most capacity");
        add("cpu", "CPUUtilization", "Average", check);
        let check = Check::above(limits.database_connections, "the database has many connections");
        add("connections", "DatabaseConnections", "Maximum", check);
        let bytes = limits.database_free_memory_mib * 1024.0 * 1024.0;
        add("memory", "FreeableMemory", "Minimum", Check::below(bytes, "the database runs out of memory"));
        // The writer gives no such data.
        let check = Check::above(limits.replica_lag_ms, "the reader is behind the writer");
        add("lag", "AuroraReplicaLag", "Maximum", check);
    }
}

/// A metric, minute by minute.
fn single(metric: Metric, statistic: &str) -> Measure {
    Measure::Single { metric, statistic: statistic.to_owned(), period_seconds: 60 }
}

/// How many of all are errors, in percent, minute by minute; 0 where there are too few of all to tell.
fn percentage(errors: &[Metric], all: Metric, least: u32) -> Measure {
    let expression = |errors: &str, _: &str| format!("IF(FILL(all, 0) >= {least}, 100 * ({errors}) / all, 0)");
    ratio(60, errors, &[("all".to_owned(), all)], expression)
}

/// How many of all are errors, in percent; 0 where there are too few errors to tell: a service that is seldom asked fails
/// seldom, and all the same always.
fn share_of_errors(period_seconds: i32, errors: &[Metric], all: &[Metric], least: u32) -> Measure {
    let all: Vec<_> = (1..).map(|number| format!("all{number}")).zip(all.iter().cloned()).collect();
    let expression = |errors: &str, all: &str| format!("IF({errors} >= {least}, 100 * ({errors}) / ({all}), 0)");
    ratio(period_seconds, errors, &all, expression)
}

/// A statistic of a metric where there are enough requests for it to say anything, 0 elsewhere.
fn with_enough(statistic: &str, metric: Metric, requests: Metric, least: u32) -> Measure {
    let query = |id: &str, metric: Metric, statistic: &str| Query {
        id: id.to_owned(),
        label: None,
        measure: QueryMeasure::Metric { metric, statistic: statistic.to_owned(), period_seconds: 60 },
        returned: false,
    };
    let value = Query {
        id: "value".to_owned(),
        label: Some(statistic.to_owned()),
        measure: QueryMeasure::Expression(format!("IF(FILL(requests, 0) >= {least}, FILL(raw, 0), 0)")),
        returned: true,
    };
    Measure::Queries(vec![value, query("raw", metric, statistic), query("requests", requests, "Sum")])
}

/// Errors and all of which they are a part, put together by an expression of their sums.
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
