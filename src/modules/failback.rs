//! The automatic failback: an alarm calls a function that moves all traffic back to blue.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Scope;
use super::function::{Function, FunctionParams, callable_by, function};
use super::policy::allow;
use super::queue::{Sender, dead_letter_queue};
use crate::package::Package;
use crate::resources::cloudwatch::CompositeAlarmOutputs;
use crate::resources::events;
use crate::resources::ids::{KeyArn, TopicArn};
use crate::resources::sqs::QueueOutputs;
use crate::traffic::Levers;
use crate::traffic::levers::{DnsLever, EdgeLever};

/// The parameters of the failback.
#[derive(Clone, Copy, Debug)]
pub struct FailbackParams<'a> {
    /// The code of `failback`.
    pub package: &'a Package,
    /// The runtime, for example `nodejs24.x`.
    pub runtime: &'a str,
    /// Reserve one concurrent invocation, so that the function runs even when the account's concurrency is used up.
    pub reserved: bool,
    /// The alarm that calls the function.
    pub alarm: &'a CompositeAlarmOutputs,
    /// The topic to which the function reports.
    pub topic: &'a TopicArn,
    /// The weights that the function sets.
    pub levers: &'a Levers,
    /// The key of topic, queue, log group and environment.
    pub key: &'a KeyArn,
}

/// The failback.
#[derive(Clone, Debug)]
pub struct Failback {
    /// The function.
    pub function: Function,
    /// The queue for events that the function couldn't process.
    pub dead_letters: QueueOutputs,
}

/// Adds the function, and the rule that calls it when the alarm is raised.
pub fn failback(scope: &Scope<'_>, params: &FailbackParams<'_>) -> Failback {
    const NAME: &str = "failback";
    let here = scope.at(NAME);
    let rule = here.add(
        "rule",
        events::Rule {
            name: here.name_within("failback-rule", 64),
            description: format!("{} goes off: all traffic back to blue", params.alarm.name),
            pattern: Some(json!({
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "resources": [params.alarm.arn],
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
            // Together with the alarm's evaluation it has to stay below the 300 s that a failback may take.
            timeout_seconds: 60,
            // What exhausts green also exhausts the account's unreserved concurrency.
            reserved_concurrency: params.reserved.then_some(1),
            environment: BTreeMap::from([("FAILBACK_CONFIG".to_owned(), config(params).to_string())]),
            statements: statements(scope, params),
            network: None,
            key: params.key,
            dead_letters: &dead_letters.arn,
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
            // A failback one hour late would undo what people have done meanwhile.
            retry: events::RetryPolicy { maximum_attempts: 10, maximum_age_seconds: 300 },
        },
    );
    Failback { function, dead_letters }
}

/// The function's configuration: see `lambda/README.md`.
fn config(params: &FailbackParams<'_>) -> Value {
    let edge = |edge: &EdgeLever| {
        json!({
            "listenerArn": edge.listener,
            "blueTargetGroupArn": edge.blue,
            "greenTargetGroupArn": edge.green,
        })
    };
    let environments = &params.levers.environments;
    let mut config = json!({
        "alarmName": params.alarm.name,
        "topicArn": params.topic,
        "environments": environments,
        "edges": params.levers.edges.iter().map(edge).collect::<Vec<_>>(),
    });
    if let Some(dns) = &params.levers.dns {
        let sides = [(&environments.blue, &dns.blue), (&environments.green, &dns.green)];
        let records = sides.map(|(environment, set_identifier)| {
            json!({
                "name": dns.name,
                "type": dns.record_type,
                "setIdentifier": set_identifier,
                "environment": environment,
            })
        });
        config["dns"] = json!({"hostedZoneId": dns.hosted_zone, "records": records});
    }
    config
}

fn statements(scope: &Scope<'_>, params: &FailbackParams<'_>) -> Vec<Value> {
    let mut statements = vec![allow(&["sns:Publish"], [params.topic.to_string()])];
    if params.levers.have_edges() {
        statements.extend(write_listeners(scope, &params.levers.edges));
    }
    if let Some(dns) = &params.levers.dns {
        statements.extend(write_records(scope, dns));
    }
    statements
}

fn write_listeners(scope: &Scope<'_>, edges: &[EdgeLever]) -> [Value; 3] {
    // The ARN of a rule contains its listener's id, which is only known after apply: the tags restrict it to this system.
    let rules = scope.arn("elasticloadbalancing", "listener-rule/app/*");
    let mut modify_rules = allow(&["elasticloadbalancing:ModifyRule"], [rules]);
    modify_rules["Condition"] = json!({"StringEquals": {"aws:ResourceTag/provisioner:suffix": scope.suffix()}});
    [
        // These actions don't support resource-level permissions.
        allow(&["elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules"], ["*"]),
        allow(&["elasticloadbalancing:ModifyListener"], edges.iter().map(|edge| edge.listener.to_string())),
        modify_rules,
    ]
}

fn write_records(scope: &Scope<'_>, dns: &DnsLever) -> [Value; 2] {
    let zone = scope.arn("route53", &format!("hostedzone/{}", dns.hosted_zone));
    let mut change = allow(&["route53:ChangeResourceRecordSets"], [zone.clone()]);
    // IAM compares names in lower case, without the trailing dot. One name per record.
    let name = dns.name.trim_end_matches('.').to_lowercase();
    // <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html>
    change["Condition"] = json!({
        "ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": [&name, &name],
        },
    });
    [allow(&["route53:ListResourceRecordSets"], [zone]), change]
}
