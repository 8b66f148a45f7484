use provisioner::modules::Scope;
use provisioner::resources::events::{RetryPolicy, Rule, Target};
use serde_json::json;

use super::role;
use super::sqs::queue;
use crate::types::{Sample, Samples};

impl Sample for Rule {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let of = |source: &str| Some(json!({"source": [source], "detail": {"state": ["ALARM", "OK"]}}));
        Samples::of(rule(scope, "ticks"))
            .changing(|rule| rule.description = "Every now and then".to_owned())
            .changing(|rule| (rule.schedule, rule.pattern) = (None, of("aws.cloudwatch")))
            .changing(|rule| (rule.schedule, rule.pattern) = (None, of("aws.health")))
            .changing(|rule| rule.schedule = Some("cron(0 12 * * ? *)".to_owned()))
            .changing(|rule| rule.enabled = false)
            .changing(|rule| rule.name = scope.name("tocks"))
    }
}

impl Sample for Target {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [one, other] = ["one", "other"].map(|name| scope.add(&format!("rule-{name}"), rule(scope, name)).name);
        let [orders, refunds, dead_letters] = ["orders", "refunds", "dead-letters"].map(|name| queue(scope, name));
        let role = role(scope, "events", "events.amazonaws.com");
        let first = Target {
            rule: one,
            id: "orders".to_owned(),
            arn: orders.to_string(),
            role: None,
            input: None,
            dead_letters: None,
            retry: RetryPolicy::default(),
        };
        Samples::of(first)
            .changing(|target| target.arn = refunds.to_string())
            .changing(|target| target.role = Some(role))
            .changing(|target| target.input = Some(json!({"task": "sweep", "hours": 24})))
            .changing(|target| target.dead_letters = Some(dead_letters))
            .changing(|target| target.retry = RetryPolicy { maximum_attempts: 3, maximum_age_seconds: 3600 })
            .changing(|target| target.id = "all-orders".to_owned())
            .changing(|target| target.rule = other)
    }
}

fn rule(scope: &Scope<'_>, name: &str) -> Rule {
    Rule {
        name: scope.name(name),
        description: "Every five minutes".to_owned(),
        pattern: None,
        schedule: Some("rate(5 minutes)".to_owned()),
        enabled: true,
    }
}
