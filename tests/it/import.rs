//! `provisioner import` adopts unmanaged resources; `apply` never does.

use crate::support::cli::Run;
use crate::support::{Cli, Sandbox};

async fn on(cli: &Cli, arguments: &[&str]) -> Run {
    cli.run(&[arguments, &["--suffix", "dev1"]].concat()).await
}

/// An untagged VPC and queue, and a queue of another system.
const UNMANAGED: &str = "
import boto3, json
ec2, sqs = boto3.client('ec2'), boto3.client('sqs')
vpc = ec2.create_vpc(CidrBlock='10.10.0.0/16')['Vpc']['VpcId']
queue = sqs.create_queue(QueueName='payments-queue-blue-dev1', Attributes={'VisibilityTimeout': '7'})['QueueUrl']
tags = {'provisioner:system': 'lambda-mysql', 'provisioner:suffix': 'dev2', 'provisioner:step': 'green/queues/payments-queue'}
sqs.create_queue(QueueName='payments-queue-green-dev1', tags=tags)
print(json.dumps({'vpc': vpc, 'queue': queue}))
";

#[tokio::test]
async fn import_takes_over_a_resource_by_its_id() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let made = sandbox.python(UNMANAGED).await;
    let (vpc, queue) = (made["vpc"].as_str().unwrap(), made["queue"].as_str().unwrap());
    let (network, payments) = ("blue/network/vpc", "blue/queues/payments-queue");
    sandbox.forget_calls();

    // `apply` adopts nothing, and its error names the command.
    let refused = on(&cli, &["apply", "--target", payments]).await.exits(1);
    refused.explains("is unmanaged").explains(&format!("provisioner import {payments} "));
    let before: Vec<_> = sandbox.changes().into_iter().filter(|change| change.contains("Queue")).collect();
    assert!(before.iter().all(|change| !change.contains("payments-queue-blue")), "{before:?}");
    on(&cli, &["destroy", "--yes"]).await.ok();
    sandbox.forget_calls();

    for (step, id, said) in [
        ("blue/network/vpx", vpc, "did you mean blue/network/vpc?"),
        (network, "vpc-00000000000000000", "AWS knows no ec2.vpc vpc-00000000000000000 in us-east-1"),
        (network, queue, "AWS knows no ec2.vpc"),
        (payments, "payments-queue-green-dev1", "belongs to another step: lambda-mysql dev2"),
        ("green/queues/payments-queue", "payments-queue-green-dev1", "belongs to another step: lambda-mysql dev2"),
    ] {
        on(&cli, &["import", step, id]).await.exits(1).explains(said);
    }
    assert_eq!(sandbox.changes(), [""; 0]);
    assert!(!cli.state_folder().join("dev1.json").exists());

    // Only the ownership tags are changed.
    on(&cli, &["import", network, vpc]).await.ok().says(&format!("imported {vpc} as {network}"));
    let differs = on(&cli, &["import", payments, queue]).await.ok();
    differs.says("visibility_timeout_seconds: 7 → ");
    let changes = sandbox.changes();
    assert!(changes.iter().all(|change| change.contains("CreateTags") || change.contains("TagQueue")), "{changes:?}");
    assert_eq!(changes.len(), 2, "{changes:?}");
    on(&cli, &["import", network, "vpc-00000000000000000"]).await.exits(1).explains("has a resource already");
    // A recorded resource may be imported again: its tags may have been lost.
    on(&cli, &["import", network, vpc]).await.ok();

    let built = on(&cli, &["apply", "--json", "--module", "blue/network", "--target", payments]).await.ok().summary();
    assert_eq!((built.failed, built.replaced), (0, 0), "{built:?}");
    let state = cli.state("dev1");
    assert_eq!(state["steps"][network]["outputs"]["vpc_id"], vpc);
    assert_eq!(state["steps"][payments]["outputs"]["url"], queue);
    on(&cli, &["plan", "--module", "blue/network", "--target", payments, "--detailed-exitcode"]).await.ok();
    on(&cli, &["destroy", "--yes"]).await.ok();
    let left =
        sandbox.python("import boto3, json; print(json.dumps(boto3.client('sqs').list_queues()['QueueUrls']))").await;
    assert_eq!(left.as_array().unwrap().len(), 1, "only the other system's queue is left: {left}");
}
