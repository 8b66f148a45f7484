//! Back to blue without anybody: a function that an alarm calls.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Scope;
use super::function::{Function, FunctionNetwork, FunctionParams, callable_by, function};
use super::policy::allow;
use super::queue::{Sender, dead_letter_queue};
use crate::package::Package;
use crate::resources::events;
use crate::resources::ids::{AlarmArn, HostedZoneId, KeyArn, ListenerArn, TargetGroupArn, TopicArn};
use crate::resources::sqs::QueueOutputs;

/// What the function needs.
#[derive(Clone, Copy, Debug)]
pub struct FailbackParams<'a> {
    /// The code of `failback`.
    pub package: &'a Package,
    /// For example `nodejs24.x`.
    pub runtime: &'a str,
    /// It can be called even when all that the account may run at once is running.
    pub reserved: bool,
    /// The name of the alarm that calls it.
    pub alarm_name: &'a str,
    /// Its ARN.
    pub alarm_arn: &'a AlarmArn,
    /// Where it tells what it did.
    pub topic: &'a TopicArn,
    /// All edges.
    pub edges: &'a [Edge],
    /// The weighted records, where DNS is ours.
    pub dns: Option<WeightedRecords<'a>>,
    /// The network it calls AWS from; blue's, if any, as nothing of green's can be relied on then. It needs a way out to
    /// the APIs of load balancers and Route 53.
    pub network: Option<FunctionNetwork<'a>>,
    /// The key of topic, queue, log group and environment.
    pub key: &'a KeyArn,
    /// How long its log is kept, in days.
    pub log_retention_days: i32,
}

/// A listener that splits traffic.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The listener.
    pub listener: ListenerArn,
    /// Blue's target group on it.
    pub blue: TargetGroupArn,
    /// Green's.
    pub green: TargetGroupArn,
}

/// Weighted records.
#[derive(Clone, Copy, Debug)]
pub struct WeightedRecords<'a> {
    /// The hosted zone.
    pub zone: &'a HostedZoneId,
    /// All of them.
    pub records: &'a [WeightedRecord],
}

/// A weighted record.
#[derive(Clone, Debug)]
pub struct WeightedRecord {
    /// The domain name.
    pub name: String,
    /// `A` or `AAAA`.
    pub kind: String,
    /// What tells it from the others of the same name.
    pub set_identifier: String,
    /// `blue` or `green`.
    pub environment: String,
}

/// The function, and where calls of it go that failed for good.
#[derive(Clone, Debug)]
pub struct Failback {
    /// The function.
    pub function: Function,
    /// What couldn't be done.
    pub dead_letters: QueueOutputs,
}

/// Puts the function here, and the rule that calls it when the alarm goes off.
pub fn failback(scope: &Scope<'_>, params: &FailbackParams<'_>) -> Failback {
    const NAME: &str = "failback";
    let here = scope.at(NAME);
    let rule = here.add(
        "rule",
        events::Rule {
            name: here.name_within("failback-rule", 64),
            description: format!("{} goes off: all traffic back to blue", params.alarm_name),
            pattern: Some(json!({
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "resources": [params.alarm_arn],
                "detail": {"state": {"value": ["ALARM"]}},
            })),
            schedule: None,
            enabled: true,
        },
    );
    let senders = [Sender { service: "events.amazonaws.com", source_arn: &rule.arn }];
    let dead_letters = dead_letter_queue(&here, "failback-dead-letters", params.key, &senders);
    let function = function(
        scope,
        FunctionParams {
            name: NAME,
            description: "Sends all traffic back to blue",
            package: params.package,
            runtime: params.runtime,
            memory_mib: 512,
            // With the minutes that the alarm takes, this has to stay below the five that a failback may take.
            timeout_seconds: 60,
            // What exhausts green also exhausts what all functions share.
            reserved_concurrency: params.reserved.then_some(1),
            environment: BTreeMap::from([("FAILBACK_CONFIG".to_owned(), config(params).to_string())]),
            statements: statements(scope, params),
            network: params.network,
            key: params.key,
            dead_letters: &dead_letters.arn,
            log_retention_days: params.log_retention_days,
        },
    );
    callable_by(scope, NAME, &function.arn, "events.amazonaws.com", &rule.arn, "alarm-rule");
    here.add(
        "target",
        events::Target {
            rule: rule.name,
            id: NAME.to_owned(),
            arn: function.arn.to_string(),
            role: None,
            input: None,
            dead_letters: Some(dead_letters.arn.clone()),
            // A failback that comes an hour late would undo what people did in between.
            retry: events::RetryPolicy { maximum_attempts: 10, maximum_age_seconds: 300 },
        },
    );
    Failback { function, dead_letters }
}

/// What the function reads at its start: see `lambda/README.md`.
fn config(params: &FailbackParams<'_>) -> Value {
    let edge = |edge: &Edge| {
        json!({
            "listenerArn": edge.listener,
            "blueTargetGroupArn": edge.blue,
            "greenTargetGroupArn": edge.green,
        })
    };
    let record = |record: &WeightedRecord| {
        json!({
            "name": record.name,
            "type": record.kind,
            "setIdentifier": record.set_identifier,
            "environment": record.environment,
        })
    };
    let mut config = json!({
        "alarmName": params.alarm_name,
        "topicArn": params.topic,
        "environments": {"blue": "blue", "green": "green"},
        "edges": params.edges.iter().map(edge).collect::<Vec<_>>(),
    });
    if let Some(dns) = params.dns {
        let records: Vec<_> = dns.records.iter().map(record).collect();
        config["dns"] = json!({"hostedZoneId": dns.zone, "records": records});
    }
    config
}

fn statements(scope: &Scope<'_>, params: &FailbackParams<'_>) -> Vec<Value> {
    let mut statements = vec![allow(&["sns:Publish"], [params.topic.to_string()])];
    if !params.edges.is_empty() {
        let listeners = params.edges.iter().map(|edge| edge.listener.to_string());
        // A listener's rules have its ARN with `listener-rule` for `listener`, which is only known after apply: they are told
        // by the tags of this system.
        let rules = scope.arn("elasticloadbalancing", "listener-rule/app/*");
        let mut modify_rules = allow(&["elasticloadbalancing:ModifyRule"], [rules]);
        modify_rules["Condition"] = json!({"StringEquals": {"aws:ResourceTag/provisioner:suffix": scope.suffix()}});
        statements.extend([
            // Reads of load balancers know no resources.
            allow(&["elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules"], ["*"]),
            allow(&["elasticloadbalancing:ModifyListener"], listeners),
            modify_rules,
        ]);
    }
    if let Some(dns) = params.dns {
        let zone = format!("arn:{}:route53:::hostedzone/{}", scope.partition(), dns.zone);
        statements.push(allow(&["route53:ListResourceRecordSets"], [zone.clone()]));
        let mut change = allow(&["route53:ChangeResourceRecordSets"], [zone]);
        // UPSERT, and only of these names: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html
        let names: Vec<String> = dns.records.iter().map(|record| normal(&record.name)).collect();
        change["Condition"] = json!({
            "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
            },
        });
        statements.push(change);
    }
    statements
}

/// A record's name as IAM compares it: lower case, without the dot at the end.
fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}
