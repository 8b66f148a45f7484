use provisioner::modules::Scope;
use provisioner::modules::policy::{allow, document, trust};
use provisioner::resources::iam::Role;

use crate::types::{Sample, Samples};

impl Sample for Role {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let may = |name: &str, action: &str| (name.to_owned(), document([allow(&[action], ["*"])]));
        let managed = |name: &str| format!("arn:aws:iam::aws:policy/{name}");
        let first = Role {
            name: scope.name("worker"),
            description: "Works".to_owned(),
            trust: trust(scope, "lambda.amazonaws.com"),
            inline_policies: [may("send", "sqs:SendMessage"), may("read", "s3:GetObject")].into(),
            managed_policies: [managed("ReadOnlyAccess")].into(),
            max_session_seconds: 3600,
        };
        Samples::of(first)
            .changing(|role| role.description = "Works hard".to_owned())
            .changing(|role| role.trust = trust(scope, "events.amazonaws.com"))
            .changing(|role| {
                role.inline_policies = [may("send", "sns:Publish"), may("log", "logs:PutLogEvents")].into()
            })
            .changing(|role| role.managed_policies = [managed("SecurityAudit")].into())
            .changing(|role| role.max_session_seconds = 7200)
            .changing(|role| role.name = scope.name("helper"))
    }
}
