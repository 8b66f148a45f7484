//! The shipped systems, composed with the configurations that tests read.

use tokio::sync::OnceCell;

use super::Sandbox;
use super::composition::{Composition, SUFFIX, compose};
use crate::fargate::{PRODUCTION, STAGING};

/// `lambda-mysql`.
pub struct LambdaMysql {
    /// The defaults.
    pub default: Composition,
    /// The same with another suffix.
    pub other_suffix: Composition,
    /// One NAT gateway an environment.
    pub single_nat: Composition,
    /// No NAT gateway.
    pub no_nat: Composition,
    /// With deletion protection, and a test listener for one block of addresses.
    pub protected: Composition,
}

/// `fargate-postgres`.
pub struct FargatePostgres {
    /// The defaults: no service has an image.
    pub default: Composition,
    /// The same with another suffix.
    pub other_suffix: Composition,
    /// With images, and a role for another account.
    pub complete: Composition,
    /// With deletion protection.
    pub protected: Composition,
    /// The example for us-east-1 with reduced capacity.
    pub staging: Composition,
}

/// The settings of [`FargatePostgres::complete`].
const COMPLETE: &str = r#"
system = "fargate-postgres"
[services.payment-api]
image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/payment-api-dev1:1.0.0"
[services.transaction-processor]
image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/transaction-processor-dev1:1.0.0"
[services.reporting]
image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/reporting-dev1:1.0.0"
[migration_role]
trusted_account = "222233334444"
external_id = "known-to-both-sides"
"#;

/// `lambda-mysql`, composed once.
pub async fn lambda_mysql() -> &'static LambdaMysql {
    static SYSTEMS: OnceCell<LambdaMysql> = OnceCell::const_new();
    let compose_all = || async {
        // Only read for zones and engine versions.
        let sandbox = Sandbox::fresh().await;
        let protected = "[network]\ntest_cidrs = [\"198.51.100.0/24\"]\n[protection]\ndeletion_protection = true\n";
        LambdaMysql {
            default: compose(&sandbox, SUFFIX, "").await,
            other_suffix: compose(&sandbox, "dev2", "").await,
            single_nat: compose(&sandbox, SUFFIX, "[network]\nnat = \"single\"\n").await,
            no_nat: compose(&sandbox, SUFFIX, "[network]\nnat = \"none\"\n").await,
            protected: compose(&sandbox, SUFFIX, protected).await,
        }
    };
    SYSTEMS.get_or_init(compose_all).await
}

/// `fargate-postgres`, composed once.
pub async fn fargate_postgres() -> &'static FargatePostgres {
    static SYSTEMS: OnceCell<FargatePostgres> = OnceCell::const_new();
    let compose_all = || async {
        let sandbox = Sandbox::fresh().await;
        let protected = "system = \"fargate-postgres\"\n[protection]\ndeletion_protection = true\n";
        FargatePostgres {
            default: compose(&sandbox, SUFFIX, PRODUCTION).await,
            other_suffix: compose(&sandbox, "dev2", PRODUCTION).await,
            complete: compose(&sandbox, SUFFIX, COMPLETE).await,
            protected: compose(&sandbox, SUFFIX, protected).await,
            staging: compose(&sandbox, SUFFIX, STAGING).await,
        }
    };
    SYSTEMS.get_or_init(compose_all).await
}

impl FargatePostgres {
    /// Production without and with images, and staging.
    pub fn each(&self) -> [&Composition; 3] {
        [&self.default, &self.complete, &self.staging]
    }
}

/// All systems, for requirements of every one.
pub async fn every() -> Vec<&'static Composition> {
    let fargate = fargate_postgres().await;
    vec![&lambda_mysql().await.default, &fargate.default, &fargate.complete, &fargate.staging]
}
