use provisioner::modules::Scope;
use provisioner::resources::document::Document;
use provisioner::resources::lambda::Permission;
use provisioner::resources::secrets::{Content, Rotation, Secret};

use super::lambda::standing_function;
use super::rds::managed_secret;
use super::{key, policy};
use crate::types::{Sample, Samples};

impl Sample for Rotation {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [one, other] = ["one", "other"].map(|name| standing_function(scope, name));
        let mut scope = scope.clone();
        for (name, function) in [("one", &one), ("other", &other)] {
            let permission = Permission {
                function: function.clone(),
                statement_id: "secrets".to_owned(),
                principal: "secretsmanager.amazonaws.com".to_owned(),
                source_arn: None,
                source_account: Some(scope.account().to_owned()),
            };
            let permission = scope.add(&format!("permission-{name}"), permission);
            scope = scope.after(&permission.statement_id, "Secrets Manager has to be allowed to invoke the function");
        }
        let first = Rotation {
            secret: scope.add("secret-orders", secret(&scope, "orders")).arn,
            function: Some(one),
            every_days: 30,
            immediately: false,
        };
        let managed = managed_secret(&scope);
        let refunds = scope.add("secret-refunds", secret(&scope, "refunds")).arn;
        Samples::of(first)
            .changing(|rotation| rotation.function = Some(other))
            .changing(|rotation| rotation.every_days = 7)
            .changing(|rotation| (rotation.secret, rotation.function) = (managed.clone(), None))
            // In place: what RDS renews, on another schedule.
            .changing(|rotation| (rotation.secret, rotation.function, rotation.every_days) = (managed, None, 60))
            .changing(|rotation| rotation.secret = refunds)
            .changing(|rotation| rotation.immediately = true)
    }
}

impl Sample for Secret {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let other = key(scope, "other");
        let elsewhere = |region: &str| (region.to_owned(), key(&scope.in_region(region), region));
        let [oregon, ireland] = ["us-west-2", "eu-west-1"].map(elsewhere);
        let database = Content::Database { engine: "aurora-mysql".to_owned(), username: "administrator".to_owned() };
        Samples::of(secret(scope, "orders"))
            .changing(|secret| secret.description = "Opens the other shop".to_owned())
            .changing(|secret| secret.kms_key = Some(other))
            .changing(|secret| secret.kms_key = None)
            .changing(|secret| secret.replicas = [oregon].into())
            .changing(|secret| secret.replicas = [ireland].into())
            .changing(|secret| secret.policy = policy(scope, "secretsmanager:DescribeSecret"))
            .changing(|secret| secret.policy = Document::default())
            .changing(|secret| secret.content = Content::EncryptionKey)
            .changing(|secret| secret.content = database)
            .changing(|secret| secret.name = scope.name("refunds"))
    }
}

fn secret(scope: &Scope<'_>, name: &str) -> Secret {
    Secret {
        name: scope.name(name),
        description: "Opens the shop".to_owned(),
        kms_key: Some(key(scope, &format!("secret-{name}"))),
        content: Content::ApiKey,
        replicas: [].into(),
        policy: policy(scope, "secretsmanager:GetSecretValue"),
    }
}
