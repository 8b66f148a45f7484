use provisioner::modules::Scope;
use provisioner::modules::policy::{allow, document, trust};
use provisioner::resources::iam::{Policy, Role};

use crate::types::{Sample, Samples};

impl Sample for Policy {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let may = |action: &str| document([allow(&[action], ["*"])]);
        let first =
            Policy { description: "Sends".to_owned(), ..Policy::new(scope.name("send"), may("sqs:SendMessage")) };
        let fixed = "AWS can't change it, and a policy of the same name can't replace it: a change is refused";
        Samples::of(first)
            .without_change_of("description", fixed)
            // More versions than AWS keeps.
            .changing(|policy| policy.document = may("sns:Publish"))
            .changing(|policy| policy.document = may("sqs:ReceiveMessage"))
            .changing(|policy| policy.document = may("s3:GetObject"))
            .changing(|policy| policy.document = may("s3:PutObject"))
            .changing(|policy| policy.document = may("logs:PutLogEvents"))
            .changing(|policy| policy.name = scope.name("publish"))
    }
}

impl Sample for Role {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let may = |name: &str, action: &str| (name.to_owned(), document([allow(&[action], ["*"])]));
        let managed = |name: &str| scope.managed_policy(name);
        let own = Policy::new(scope.name("shared"), document([allow(&["sqs:ReceiveMessage"], ["*"])]));
        let own = scope.add("policy-shared", own).arn;
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
            .changing(|role| role.managed_policies = [managed("SecurityAudit"), own].into())
            .changing(|role| role.max_session_seconds = 7200)
            .changing(|role| role.name = scope.name("helper"))
    }
}
