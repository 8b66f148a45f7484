use provisioner::modules::Scope;
use provisioner::resources::cloudwatch::{
    Alarm, Comparison, CompositeAlarm, Dashboard, Measure, Metric, MissingData, Query, QueryMeasure,
};
use serde_json::json;

use crate::types::{Sample, Samples};

impl Sample for Alarm {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let single = |metric, statistic: &str, period_seconds| Measure::Single {
            metric,
            statistic: statistic.to_owned(),
            period_seconds,
        };
        Samples::of(alarm(scope, "errors"))
            .changing(|alarm| alarm.description = "Look at the dashboard".to_owned())
            .changing(|alarm| alarm.measure = single(errors(), "p99", 60))
            .changing(|alarm| alarm.measure = single(refusals(), "Sum", 300))
            .changing(|alarm| alarm.measure = Measure::Queries(queries()))
            .changing(|alarm| alarm.measure = Measure::Queries(other_queries()))
            .changing(|alarm| alarm.comparison = Comparison::Greater)
            .changing(|alarm| alarm.comparison = Comparison::Less)
            .changing(|alarm| alarm.comparison = Comparison::LessOrEqual)
            .changing(|alarm| alarm.threshold = 2.5)
            .changing(|alarm| alarm.evaluation_periods = 5)
            .changing(|alarm| alarm.datapoints_to_alarm = Some(3))
            .changing(|alarm| alarm.datapoints_to_alarm = None)
            .changing(|alarm| alarm.missing_data = MissingData::Breaching)
            .changing(|alarm| alarm.missing_data = MissingData::Ignore)
            .changing(|alarm| alarm.missing_data = MissingData::Missing)
            .changing(|alarm| alarm.actions_enabled = false)
            .changing(|alarm| alarm.actions = [topic(scope, "ops"), topic(scope, "boss")].into())
            .changing(|alarm| alarm.ok_actions = [topic(scope, "ops")].into())
            .changing(|alarm| alarm.name = scope.name("faults"))
    }
}

impl Sample for CompositeAlarm {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [one, other] = ["one", "other"].map(|name| scope.add(&format!("alarm-{name}"), alarm(scope, name)).name);
        let first = CompositeAlarm {
            name: scope.name("health"),
            description: "Something is wrong".to_owned(),
            rule: format!("ALARM(\"{one}\")"),
            actions_enabled: true,
            actions: [topic(scope, "ops")].into(),
            ok_actions: [].into(),
        };
        Samples::of(first)
            .changing(|alarm| alarm.description = "Look at the dashboard".to_owned())
            .changing(|alarm| alarm.rule = format!("ALARM(\"{one}\") OR NOT OK(\"{other}\")"))
            .changing(|alarm| alarm.actions_enabled = false)
            .changing(|alarm| alarm.actions = [].into())
            .changing(|alarm| alarm.ok_actions = [topic(scope, "ops")].into())
            .changing(|alarm| alarm.name = scope.name("wellbeing"))
    }
}

impl Sample for Dashboard {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let text = |markdown: &str| {
            let widget = json!({
                "type": "text",
                "x": 0,
                "y": 0,
                "width": 6,
                "height": 3,
                "properties": {"markdown": markdown},
            });
            json!({"widgets": [widget]})
        };
        Samples::of(Dashboard { name: scope.name("overview"), body: text("Orders") })
            .changing(|dashboard| dashboard.body = text("Orders and refunds"))
            .changing(|dashboard| dashboard.name = scope.name("summary"))
    }
}

fn alarm(scope: &Scope<'_>, name: &str) -> Alarm {
    Alarm {
        name: scope.name(name),
        description: "The function fails".to_owned(),
        measure: Measure::Single { metric: errors(), statistic: "Sum".to_owned(), period_seconds: 60 },
        comparison: Comparison::GreaterOrEqual,
        threshold: 1.0,
        evaluation_periods: 4,
        datapoints_to_alarm: Some(2),
        missing_data: MissingData::NotBreaching,
        actions_enabled: true,
        actions: [topic(scope, "ops")].into(),
        ok_actions: [].into(),
    }
}

fn errors() -> Metric {
    Metric::new("AWS/Lambda", "Errors", [("FunctionName", "orders")])
}

fn refusals() -> Metric {
    Metric::new("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", [("LoadBalancer", "app/orders/1")])
}

fn query(id: &str, metric: Metric, statistic: &str, period_seconds: i32) -> Query {
    let measure = QueryMeasure::Metric { metric, statistic: statistic.to_owned(), period_seconds };
    Query { id: id.to_owned(), label: None, measure, returned: false }
}

fn expression(id: &str, label: &str, expression: &str) -> Query {
    let measure = QueryMeasure::Expression(expression.to_owned());
    Query { id: id.to_owned(), label: Some(label.to_owned()), measure, returned: true }
}

fn queries() -> Vec<Query> {
    let calls = Metric::new("AWS/Lambda", "Invocations", [("FunctionName", "orders")]);
    let rate = expression("rate", "Errors in a hundred calls", "100 * errors / calls");
    vec![query("errors", errors(), "Sum", 60), query("calls", calls, "Sum", 60), rate]
}

/// What is computed stands in another place, and each of the others differs.
fn other_queries() -> Vec<Query> {
    let twice = expression("twice", "Refusals, doubled", "2 * refusals");
    vec![query("refusals", refusals(), "p99", 300), twice]
}

/// Alarms take the ARN of a topic that doesn't stand.
fn topic(scope: &Scope<'_>, name: &str) -> String {
    scope.arn("sns", &scope.name(name))
}
