//! The second requirement: the same system in us-east-1 "with reduced capacity for validation testing before cutover", and
//! the outputs of both. The other requirements are tested together with production.

use std::collections::BTreeSet;

use provisioner::engine::{Step, reference};

use crate::support::composition::{Composition, ENVIRONMENTS};
use crate::support::compositions::fargate_postgres;

#[tokio::test]
async fn staging_mirrors_production_with_reduced_capacity() {
    let systems = fargate_postgres().await;
    let (production, staging) = (&systems.default, &systems.staging);
    assert_eq!((&*production.region, &*staging.region), ("eu-central-1", "us-east-1"));
    // us-east-1 is where Route 53 measures and logs: there is no second region then, and no topic and key for it.
    let of_route53 = |id: &str| id.starts_with("topics/route53/") || id.starts_with("key/key-replica");
    let shape = |steps: &[Step]| -> BTreeSet<(String, &'static str)> {
        let own = steps.iter().filter(|step| !of_route53(&step.id.0) && step.kind != "sns.subscription");
        own.map(|step| (step.id.0.clone(), step.kind)).collect()
    };
    assert_eq!(shape(&production.steps), shape(&staging.steps));
    let acu = |system: &Composition| {
        let cluster = &system.step("green/database/cluster").spec;
        ["max_acu", "backup_retention_days"].map(|field| cluster[field].as_f64().unwrap())
    };
    assert_eq!((acu(production), acu(staging)), ([16.0, 35.0], [2.0, 7.0]));
    let task = |system: &Composition| {
        let task = &system.step("green/services/payment-api/task-definition").spec;
        ["cpu_units", "memory_mib"].map(|field| task[field].as_u64().unwrap())
    };
    assert_eq!((task(production), task(staging)), ([1024, 2048], [256, 512]));
}

#[tokio::test]
async fn outputs_include_load_balancers_databases_dashboard() {
    for system in fargate_postgres().await.each() {
        for environment in ENVIRONMENTS {
            let of = |what: &str| &system.outputs[&format!("{environment}_{what}")];
            let balancer = system.at(environment, "edge/load-balancer");
            assert_eq!(*of("alb_dns_name"), reference::token(&balancer.id, "dns_name"));
            let cluster = system.at(environment, "database/cluster");
            for (what, endpoint) in
                [("database_connection", "endpoint"), ("database_reader_connection", "reader_endpoint")]
            {
                let [host, port] = [endpoint, "port"].map(|field| reference::token(&cluster.id, field));
                let expected = format!("postgresql://payadmin@{host}:{port}/payments?sslmode=verify-full");
                assert_eq!(*of(what), expected, "no password, and TLS that is checked");
            }
        }
        assert!(system.outputs["dashboard_url"].starts_with("https://console.aws.amazon.com/cloudwatch/"));
    }
}
