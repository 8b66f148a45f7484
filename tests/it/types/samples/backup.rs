use provisioner::modules::Scope;
use provisioner::resources::backup::{Plan, PlanRule, Selection, Vault};
use provisioner::resources::document::Document;

use super::{key, policy, role};
use crate::types::{Sample, Samples};

fn vault(scope: &Scope<'_>, name: &str) -> Vault {
    Vault {
        name: scope.name(name),
        kms_key: Some(key(scope, name)),
        policy: policy(scope, "backup:DescribeBackupVault"),
    }
}

fn plan(scope: &Scope<'_>, name: &str, vault: &str) -> Plan {
    let rule = PlanRule {
        name: "daily".to_owned(),
        vault: vault.to_owned(),
        schedule: "cron(0 5 ? * * *)".to_owned(),
        start_window_minutes: 60,
        completion_window_minutes: 180,
        delete_after_days: 35,
    };
    Plan { name: scope.name(name), rules: vec![rule] }
}

impl Sample for Plan {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [one, other] = ["one", "other"].map(|name| scope.add(&format!("vault-{name}"), vault(scope, name)).name);
        Samples::of(plan(scope, "orders", &one))
            .changing(|plan| plan.rules[0].vault = other)
            .changing(|plan| plan.rules[0].name = "nightly".to_owned())
            .changing(|plan| plan.rules[0].schedule = "cron(0 12 ? * SUN *)".to_owned())
            .changing(|plan| plan.rules[0].start_window_minutes = 120)
            .changing(|plan| plan.rules[0].completion_window_minutes = 360)
            .changing(|plan| plan.rules[0].delete_after_days = 90)
            .changing(|plan| plan.rules.push(PlanRule { name: "weekly".to_owned(), ..plan.rules[0].clone() }))
            .changing(|plan| plan.name = scope.name("refunds"))
    }
}

impl Sample for Selection {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vault = scope.add("vault", vault(scope, "vault")).name;
        let [one, other] =
            ["one", "other"].map(|name| scope.add(&format!("plan-{name}"), plan(scope, name, &vault)).plan_id);
        let first = Selection {
            name: scope.name("orders"),
            plan: one,
            role: role(scope, "one", "backup.amazonaws.com"),
            resources: [scope.arn("dynamodb", "table/orders")].into(),
        };
        let other_role = role(scope, "other", "backup.amazonaws.com");
        Samples::of(first)
            .changing(|selection| selection.name = scope.name("refunds"))
            .changing(|selection| selection.plan = other)
            .changing(|selection| selection.role = other_role)
            .changing(|selection| selection.resources = [scope.arn("dynamodb", "table/refunds")].into())
    }
}

impl Sample for Vault {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        Samples::of(vault(scope, "orders"))
            .changing(|vault| vault.policy = policy(scope, "backup:ListRecoveryPointsByBackupVault"))
            .changing(|vault| vault.policy = Document::default())
            .changing(|vault| vault.name = scope.name("refunds"))
            .without_change_of(
                "kms_key",
                "AWS can't change it, and a replacement would lose the recovery points: a change is refused",
            )
    }
}
