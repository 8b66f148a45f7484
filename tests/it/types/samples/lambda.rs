use std::thread;

use provisioner::modules::Scope;
use provisioner::package;
use provisioner::resources::ids::FunctionArn;
use provisioner::resources::lambda::{CodePackage, EventSourceMapping, Function, Logging, Permission, VpcAccess};

use super::sqs::queue;
use super::{key, role, security_group, subnet, vpc};
use crate::types::{Sample, Samples};

impl Sample for EventSourceMapping {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (standing_function(scope, "one"), standing_function(scope, "other"));
        let (orders, refunds) = (queue(scope, "orders"), queue(scope, "refunds"));
        let first = EventSourceMapping {
            function: one,
            source: orders,
            enabled: true,
            batch_size: 10,
            window_seconds: 5,
            report_batch_item_failures: false,
            maximum_concurrency: None,
        };
        Samples::of(first)
            .changing(|mapping| mapping.function = other)
            .changing(|mapping| mapping.enabled = false)
            .changing(|mapping| mapping.batch_size = 100)
            .changing(|mapping| mapping.window_seconds = 0)
            .changing(|mapping| mapping.report_batch_item_failures = true)
            .changing(|mapping| mapping.maximum_concurrency = Some(5))
            .changing(|mapping| mapping.source = refunds)
    }
}

impl Sample for Function {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let first = function(scope, "orders");
        let (other_key, other_role) = (key(scope, "other"), role(scope, "other", "lambda.amazonaws.com"));
        let dead_letters = queue(scope, "dead-letters");
        let network = vpc(scope, 10);
        let in_network = VpcAccess {
            subnets: ['a', 'b'].map(|zone| subnet(scope, &network, 10, zone)).into(),
            security_groups: [security_group(scope, &network, "function")].into(),
        };
        let elsewhere = VpcAccess {
            subnets: [subnet(scope, &network, 10, 'c')].into(),
            security_groups: [security_group(scope, &network, "other")].into(),
        };
        Samples::of(first)
            .changing(|function| function.description = "Takes refunds".to_owned())
            .changing(|function| function.role = other_role)
            .changing(|function| function.runtime = "nodejs22.x".to_owned())
            .changing(|function| function.handler = "payment-api/other.handler".to_owned())
            .changing(|function| function.memory_mib = 256)
            .changing(|function| function.timeout_seconds = 30)
            .changing(|function| function.ephemeral_storage_mib = 1024)
            .changing(|function| function.architecture = "x86_64".to_owned())
            .changing(|function| function.environment = [("LEVEL", "debug"), ("MODE", "test")].map(owned).into())
            .changing(|function| function.environment = [].into())
            .changing(|function| function.vpc = Some(in_network))
            .changing(|function| function.vpc = Some(elsewhere))
            .changing(|function| function.kms_key = Some(other_key))
            .changing(|function| function.kms_key = None)
            .changing(|function| function.dead_letters = Some(dead_letters))
            .changing(|function| function.tracing = true)
            .changing(|function| function.logging.log_group = "/shop/orders".to_owned())
            .changing(|function| function.logging.format = "Text".to_owned())
            .changing(|function| function.reserved_concurrency = Some(7))
            .changing(|function| function.package = code("failback"))
            .changing(|function| function.name = scope.name("refunds"))
            .never_returned("package.source", "AWS knows no names of sources: only the hash tells the code")
    }
}

impl Sample for Permission {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (standing_function(scope, "one"), standing_function(scope, "other"));
        let first = Permission {
            function: one,
            statement_id: "rule".to_owned(),
            principal: "events.amazonaws.com".to_owned(),
            source_arn: Some(scope.arn("events", "rule/ticks")),
            source_account: None,
        };
        Samples::of(first)
            .changing(|permission| permission.statement_id = "ticks".to_owned())
            .changing(|permission| permission.principal = "sns.amazonaws.com".to_owned())
            .changing(|permission| permission.source_arn = Some(scope.arn("events", "rule/tocks")))
            .changing(|permission| permission.source_arn = None)
            .changing(|permission| permission.source_account = Some(scope.account().to_owned()))
            .changing(|permission| permission.function = other)
    }
}

/// A function that stands.
pub(super) fn standing_function(scope: &Scope<'_>, name: &str) -> FunctionArn {
    scope.add(&format!("function-{name}"), function(scope, name)).arn
}

fn function(scope: &Scope<'_>, name: &str) -> Function {
    Function {
        name: scope.name(name),
        description: "Takes orders".to_owned(),
        role: role(scope, name, "lambda.amazonaws.com"),
        runtime: "nodejs24.x".to_owned(),
        handler: "payment-api/index.handler".to_owned(),
        memory_mib: 128,
        timeout_seconds: 10,
        ephemeral_storage_mib: 512,
        architecture: "arm64".to_owned(),
        environment: [("LEVEL", "info")].map(owned).into(),
        vpc: None,
        kms_key: Some(key(scope, name)),
        dead_letters: None,
        tracing: false,
        logging: Logging { log_group: format!("/aws/lambda/{}", scope.name(name)), format: "JSON".to_owned() },
        reserved_concurrency: None,
        package: code("payment-api"),
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The code of a function that needs nothing from npm. It is packed on a thread of its own, as samples are given by plain
/// functions.
fn code(name: &'static str) -> CodePackage {
    let pack = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(package::build(name)).expect("a package")
    };
    let package = thread::spawn(pack).join().expect("packing doesn't panic");
    CodePackage { source: package.name.clone(), sha256: package.sha256_base64.clone() }
}
