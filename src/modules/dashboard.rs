//! The dashboard of a migration: both environments side by side.

use serde_json::{Value, json};

use super::Scope;
use super::alarms::WatchedService;
use crate::resources::cloudwatch::Dashboard;

/// What a dashboard shows.
#[derive(Clone, Copy, Debug)]
pub struct DashboardParams<'a> {
    /// One column each: blue, green.
    pub environments: &'a [Panel<'a>],
    /// The ARNs of the alarms to show.
    pub alarms: &'a [String],
    /// How traffic was split when this was applied; what it is now shows in the charts.
    pub weights: &'a str,
    /// The namespace of the metrics of the data sync, if there is one.
    pub sync: Option<&'a str>,
}

/// What it shows of an environment; of what there is none there is no line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Panel<'a> {
    /// `blue` or `green`.
    pub environment: &'a str,
    /// The groups that serve it, one an edge: full names of load balancer and group.
    pub target_groups: &'a [(&'a str, &'a str)],
    /// Its functions' names.
    pub functions: &'a [&'a str],
    /// Its services.
    pub services: &'a [WatchedService<'a>],
    /// Its queues' names, those for what failed among them.
    pub queues: &'a [&'a str],
    /// Its database instances' identifiers.
    pub database_instances: &'a [&'a str],
    /// Its secondary cluster and the region of that.
    pub recovery: Option<(&'a str, &'a str)>,
}

/// A dashboard.
#[derive(Clone, Debug)]
pub struct MigrationDashboard {
    /// Its name.
    pub name: String,
    /// Where people see it.
    pub url: String,
}

/// Puts the dashboard here.
pub fn dashboard(scope: &Scope<'_>, params: &DashboardParams<'_>) -> MigrationDashboard {
    let name = scope.name("migration-dashboard");
    let url = url(scope.region(), &name);
    scope.add("dashboard", Dashboard { name: name.clone(), body: json!({"widgets": widgets(scope.region(), params)}) });
    MigrationDashboard { name, url }
}

/// Where people see a dashboard.
pub fn url(region: &str, name: &str) -> String {
    format!("https://console.aws.amazon.com/cloudwatch/home?region={region}#dashboards:name={name}")
}

/// A dashboard is 24 units wide.
const WIDTH: usize = 24;
const HEIGHT: usize = 6;

fn widgets(region: &str, params: &DashboardParams<'_>) -> Vec<Value> {
    let mut widgets = vec![
        json!({
            "type": "text", "x": 0, "y": 0, "width": WIDTH, "height": 3,
            "properties": {"markdown": params.weights},
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
    for (column, panel) in params.environments.iter().enumerate() {
        for (row, (title, metrics)) in panel.charts().into_iter().enumerate() {
            let place = (column * width, y + HEIGHT * row);
            widgets.push(chart(region, place, width, &format!("{}: {title}", panel.environment), metrics));
        }
    }
    widgets
}

/// How far the migration is.
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

/// The part of all requests that each environment really serves.
fn share(panels: &[Panel<'_>]) -> Vec<Value> {
    let mut metrics = Vec::new();
    let mut sums = Vec::new();
    for panel in panels {
        let mut ids = Vec::new();
        for (number, dimensions) in panel.target_groups.iter().enumerate() {
            let id = format!("{}{number}", panel.environment);
            let (load_balancer, group) = dimensions;
            metrics.push(json!([
                "AWS/ApplicationELB", "RequestCount", "LoadBalancer", load_balancer, "TargetGroup", group,
                {"id": id, "visible": false},
            ]));
            ids.push(format!("FILL({id}, 0)"));
        }
        sums.push((panel.environment, format!("({})", if ids.is_empty() { "0".to_owned() } else { ids.join(" + ") })));
    }
    let total: Vec<&str> = sums.iter().map(|(_, sum)| sum.as_str()).collect();
    let total = total.join(" + ");
    for (environment, sum) in &sums {
        let expression = format!("100 * {sum} / ({total})");
        metrics.push(json!([{"expression": expression, "label": environment, "id": format!("share_{environment}")}]));
    }
    metrics
}

impl Panel<'_> {
    fn charts(&self) -> Vec<(&'static str, Vec<Value>)> {
        let mut database = self.databases(&[("CPUUtilization", "Average"), ("DatabaseConnections", "Maximum")]);
        database.extend(self.databases(&[("AuroraReplicaLag", "Maximum")]));
        if let Some((cluster, region)) = self.recovery {
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
        let line = |stat: &str, service: &WatchedService<'_>| {
            json!([
                "AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", service.load_balancer, "TargetGroup",
                service.target_group, {"stat": stat, "label": format!("{} {stat}", service.label)},
            ])
        };
        stats.iter().flat_map(|stat| self.services.iter().map(move |service| line(stat, service))).collect()
    }

    fn error_rates(&self) -> Vec<Value> {
        let lines = self.services.iter().enumerate().flat_map(|(number, service)| {
            let [all, errors] = ["all", "errors"].map(|name| format!("{name}{number}"));
            let hidden = |id: &str, metric: &str| {
                json!([
                    "AWS/ApplicationELB", metric, "LoadBalancer", service.load_balancer, "TargetGroup",
                    service.target_group, {"id": id, "visible": false},
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
        let line = |metric: &str, service: &WatchedService<'_>| {
            json!([
                "AWS/ECS", metric, "ClusterName", service.cluster, "ServiceName", service.service,
                {"stat": "Average", "label": format!("{} {metric}", service.label)},
            ])
        };
        let metrics = ["CPUUtilization", "MemoryUtilization"];
        metrics.iter().flat_map(|metric| self.services.iter().map(move |service| line(metric, service))).collect()
    }

    fn edges(&self, metrics: &[(&str, &str)]) -> Vec<Value> {
        let line = |(metric, stat): &(&str, &str), (load_balancer, group): &(&str, &str)| {
            json!([
                "AWS/ApplicationELB", metric, "LoadBalancer", load_balancer, "TargetGroup", group, {"stat": stat},
            ])
        };
        let groups = self.target_groups;
        metrics.iter().flat_map(|metric| groups.iter().map(move |group| line(metric, group))).collect()
    }

    fn functions(&self, metrics: &[(&str, &str)]) -> Vec<Value> {
        lines("AWS/Lambda", "FunctionName", self.functions, metrics)
    }

    fn queues(&self, metrics: &[(&str, &str)]) -> Vec<Value> {
        lines("AWS/SQS", "QueueName", self.queues, metrics)
    }

    fn databases(&self, metrics: &[(&str, &str)]) -> Vec<Value> {
        lines("AWS/RDS", "DBInstanceIdentifier", self.database_instances, metrics)
    }
}

/// One line of a chart for each metric of each resource.
fn lines(namespace: &str, dimension: &str, names: &[&str], metrics: &[(&str, &str)]) -> Vec<Value> {
    let mut lines = Vec::new();
    for (metric, stat) in metrics {
        for name in names {
            lines.push(json!([namespace, metric, dimension, name, {"stat": stat}]));
        }
    }
    lines
}
