//! The dashboard of a migration: a column for each environment.

use serde_json::{Value, json};

use super::Scope;
use super::monitored::{Monitored, MonitoredService};
use crate::resources::cloudwatch::Dashboard;

/// The contents of a dashboard.
#[derive(Clone, Copy, Debug)]
pub struct DashboardParams<'a> {
    /// The environments, a column for each: name and resources.
    pub environments: &'a [(&'a str, &'a Monitored)],
    /// The ARNs of the alarms to show.
    pub alarms: &'a [String],
    /// The text at the top, in Markdown.
    pub text: &'a str,
    /// The namespace of the data sync's metrics.
    pub sync: Option<&'a str>,
}

/// A dashboard.
#[derive(Clone, Debug)]
pub struct MigrationDashboard {
    /// Its name.
    pub name: String,
    /// Its URL in the AWS console.
    pub url: String,
}

/// Adds the dashboard.
pub fn dashboard(scope: &Scope<'_>, params: &DashboardParams<'_>) -> MigrationDashboard {
    let name = scope.name("migration-dashboard");
    let url = url(scope.region(), &name);
    scope.add("dashboard", Dashboard { name: name.clone(), body: json!({"widgets": widgets(scope.region(), params)}) });
    MigrationDashboard { name, url }
}

/// The URL of a dashboard in the AWS console.
pub fn url(region: &str, name: &str) -> String {
    format!("https://console.aws.amazon.com/cloudwatch/home?region={region}#dashboards:name={name}")
}

/// The grid of a dashboard has 24 columns.
const WIDTH: usize = 24;
const HEIGHT: usize = 6;

fn widgets(region: &str, params: &DashboardParams<'_>) -> Vec<Value> {
    let mut widgets = vec![
        json!({
            "type": "text", "x": 0, "y": 0, "width": WIDTH, "height": 3,
            "properties": {"markdown": params.text},
        }),
        chart(region, (0, 3), WIDTH / 2, "Share of requests in percent", share(params.environments)),
        json!({
            "type": "alarm", "x": WIDTH / 2, "y": 3, "width": WIDTH / 2, "height": HEIGHT,
            "properties": {"title": "Alarms", "alarms": params.alarms},
        }),
    ];
    let mut y = 3 + HEIGHT;
    if let Some(namespace) = params.sync {
        let charts = sync_charts(namespace);
        let width = WIDTH / charts.len();
        for (column, (title, metrics)) in charts.into_iter().enumerate() {
            widgets.push(chart(region, (column * width, y), width, &format!("data sync: {title}"), metrics));
        }
        y += HEIGHT;
    }
    let width = WIDTH / params.environments.len().max(1);
    for (column, (environment, monitored)) in params.environments.iter().enumerate() {
        for (row, (title, metrics)) in Panel(monitored).charts().into_iter().enumerate() {
            let place = (column * width, y + HEIGHT * row);
            widgets.push(chart(region, place, width, &format!("{environment}: {title}"), metrics));
        }
    }
    widgets
}

/// The progress of the data sync.
fn sync_charts(namespace: &str) -> [(&'static str, Vec<Value>); 3] {
    let line = |metric: &str, stat: &str| json!([namespace, metric, "Job", "data-sync", {"stat": stat}]);
    [
        (
            "rows taken over",
            vec![line("RowsCopied", "Sum"), line("RowsDeleted", "Sum"), line("RowsPerSecond", "Average")],
        ),
        ("rows left, seconds behind", vec![line("RowsRemaining", "Maximum"), line("LagSeconds", "Maximum")]),
        ("rows in quarantine, failed runs", vec![line("RowsQuarantined", "Sum"), line("RunFailed", "Sum")]),
    ]
}

fn chart(region: &str, (x, y): (usize, usize), width: usize, title: &str, metrics: Vec<Value>) -> Value {
    json!({
        "type": "metric", "x": x, "y": y, "width": width, "height": HEIGHT,
        "properties": {
            "title": title, "region": region, "view": "timeSeries", "stacked": false, "period": 60, "stat": "Sum",
            "metrics": metrics,
        },
    })
}

/// The share of all requests that each environment serves.
fn share(environments: &[(&str, &Monitored)]) -> Vec<Value> {
    let mut metrics = Vec::new();
    let mut sums = Vec::new();
    for (environment, monitored) in environments {
        let mut ids = Vec::new();
        for (number, (load_balancer, group)) in monitored.all_target_groups().enumerate() {
            let id = format!("{environment}{number}");
            metrics.push(json!([
                "AWS/ApplicationELB", "RequestCount", "LoadBalancer", load_balancer, "TargetGroup", group,
                {"id": id, "visible": false},
            ]));
            ids.push(format!("FILL({id}, 0)"));
        }
        sums.push((environment, format!("({})", if ids.is_empty() { "0".to_owned() } else { ids.join(" + ") })));
    }
    let total: Vec<&str> = sums.iter().map(|(_, sum)| sum.as_str()).collect();
    let total = total.join(" + ");
    for (environment, sum) in &sums {
        let expression = format!("100 * {sum} / ({total})");
        metrics.push(json!([{"expression": expression, "label": environment, "id": format!("share_{environment}")}]));
    }
    metrics
}

/// The column of an environment.
struct Panel<'a>(&'a Monitored);

impl Panel<'_> {
    fn charts(&self) -> Vec<(&'static str, Vec<Value>)> {
        let mut database = self.databases(&[("CPUUtilization", "Average"), ("DatabaseConnections", "Maximum")]);
        database.extend(self.databases(&[("AuroraReplicaLag", "Maximum")]));
        if let Some((cluster, region)) = &self.0.recovery {
            database.push(json!([
                "AWS/RDS", "AuroraGlobalDBReplicationLag", "DBClusterIdentifier", cluster,
                {"stat": "Maximum", "region": region, "yAxis": "right"},
            ]));
        }
        let mut charts = vec![
            ("requests and errors", self.edges(&[("RequestCount", "Sum"), ("HTTPCode_Target_5XX_Count", "Sum")])),
            ("errors of services in percent", self.error_rates()),
            ("latency of services p50 and p99 in s", self.services(&["p50", "p99"])),
            ("CPU and memory of services in percent", self.tasks()),
            ("latency p50 and p99 in ms", self.functions(&[("Duration", "p50"), ("Duration", "p99")])),
            ("functions", self.functions(&[("Invocations", "Sum"), ("Errors", "Sum"), ("Throttles", "Sum")])),
            (
                "queues",
                self.queues(&[
                    ("ApproximateNumberOfMessagesVisible", "Maximum"),
                    ("ApproximateAgeOfOldestMessage", "Maximum"),
                ]),
            ),
            ("database", database),
        ];
        charts.retain(|(_, lines)| !lines.is_empty());
        charts
    }

    fn services(&self, stats: &[&str]) -> Vec<Value> {
        let line = |stat: &str, service: &MonitoredService| {
            let (load_balancer, group) = &service.target_group;
            json!([
                "AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", load_balancer, "TargetGroup", group,
                {"stat": stat, "label": format!("{} {stat}", service.label)},
            ])
        };
        stats.iter().flat_map(|stat| self.0.services.iter().map(move |service| line(stat, service))).collect()
    }

    fn error_rates(&self) -> Vec<Value> {
        let lines = self.0.services.iter().enumerate().flat_map(|(number, service)| {
            let [all, errors] = ["all", "errors"].map(|name| format!("{name}{number}"));
            let (load_balancer, group) = &service.target_group;
            let hidden = |id: &str, metric: &str| {
                json!([
                    "AWS/ApplicationELB", metric, "LoadBalancer", load_balancer, "TargetGroup", group,
                    {"id": id, "visible": false},
                ])
            };
            let rate = format!("100 * FILL({errors}, 0) / {all}");
            [
                hidden(&all, "RequestCount"),
                hidden(&errors, "HTTPCode_Target_5XX_Count"),
                json!([{"expression": rate, "label": service.label, "id": format!("rate{number}")}]),
            ]
        });
        lines.collect()
    }

    fn tasks(&self) -> Vec<Value> {
        let line = |metric: &str, service: &MonitoredService| {
            json!([
                "AWS/ECS", metric, "ClusterName", service.cluster, "ServiceName", service.service,
                {"stat": "Average", "label": format!("{} {metric}", service.label)},
            ])
        };
        let metrics = ["CPUUtilization", "MemoryUtilization"];
        metrics.iter().flat_map(|metric| self.0.services.iter().map(move |service| line(metric, service))).collect()
    }

    fn edges(&self, metrics: &[(&str, &str)]) -> Vec<Value> {
        let line = |(metric, stat): &(&str, &str), (load_balancer, group): &(String, String)| {
            json!([
                "AWS/ApplicationELB", metric, "LoadBalancer", load_balancer, "TargetGroup", group, {"stat": stat},
            ])
        };
        metrics.iter().flat_map(|metric| self.0.all_target_groups().map(move |group| line(metric, group))).collect()
    }

    fn functions(&self, metrics: &[(&str, &str)]) -> Vec<Value> {
        let functions = self.0.functions.iter().map(|(_, name)| name);
        lines("AWS/Lambda", "FunctionName", functions.chain(&self.0.other_functions), metrics)
    }

    fn queues(&self, metrics: &[(&str, &str)]) -> Vec<Value> {
        lines("AWS/SQS", "QueueName", self.0.queue.iter().chain(&self.0.dead_letter_queues), metrics)
    }

    fn databases(&self, metrics: &[(&str, &str)]) -> Vec<Value> {
        lines("AWS/RDS", "DBInstanceIdentifier", &self.0.database_instances, metrics)
    }
}

/// A line of a chart for each metric of each resource.
fn lines<'a>(
    namespace: &str,
    dimension: &str,
    names: impl IntoIterator<Item = &'a String, IntoIter: Clone>,
    metrics: &[(&str, &str)],
) -> Vec<Value> {
    let names = names.into_iter();
    let line = |(metric, stat): &(&str, &str), name: &str| json!([namespace, metric, dimension, name, {"stat": stat}]);
    metrics.iter().flat_map(|metric| names.clone().map(move |name| line(metric, name))).collect()
}
