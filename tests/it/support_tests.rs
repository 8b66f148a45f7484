//! Tests of the test support.

use std::collections::BTreeSet;
use std::process::Command;

use provisioner::resources::registry::Types;

use crate::support::{Cli, Fault, MariaDb, Sandbox};

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];

#[tokio::test]
async fn account_lists_exactly_what_was_created() {
    let sandbox = Sandbox::fresh().await;
    let before = sandbox.account(&REGIONS).await;
    before.assert_empty();

    let made = sandbox
        .python(
            "import boto3, json\n\
             tags = [{'Key': 'of', 'Value': 'a test'}]\n\
             ec2 = boto3.client('ec2', region_name='us-east-2')\n\
             specification = [{'ResourceType': 'vpc', 'Tags': tags}]\n\
             vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16', TagSpecifications=specification)['Vpc']['VpcId']\n\
             boto3.client('sqs').create_queue(QueueName='orders')\n\
             boto3.client('s3').create_bucket(Bucket='some-bucket')\n\
             kms = boto3.client('kms')\n\
             kms.schedule_key_deletion(KeyId=kms.create_key()['KeyMetadata']['KeyId'])\n\
             print(json.dumps(vpc))",
        )
        .await;
    let account = sandbox.account(&REGIONS).await;
    let kinds: Vec<_> = account.things().map(|(region, kind, ..)| format!("{region} {kind}")).collect();
    assert_eq!(kinds, ["global s3.bucket", "us-east-1 sqs.queue", "us-east-2 ec2.vpc"]);
    let vpcs = account.of("us-east-2", "ec2.vpc");
    assert_eq!(vpcs[made.as_str().unwrap()].tags.as_ref().unwrap()["of"], "a test");
    let queues = account.of("us-east-1", "sqs.queue");
    assert_eq!(queues.values().next().unwrap().name.as_deref(), Some("orders"));

    account.assert_same(&sandbox.account(&REGIONS).await);
    sandbox.control().reset().unwrap();
    before.assert_same(&sandbox.account(&REGIONS).await);
}

/// The resource types that the inventory doesn't list, and why no resource of theirs can be left unnoticed.
const NOT_LISTED: [(&str, &str); 15] = [
    ("acm.certificate_validation", "it only waits for an acm.certificate"),
    ("backup.selection", "AWS deletes no plan that has one"),
    ("ec2.default_network_acl", "AWS creates and deletes it with its VPC"),
    ("ec2.default_security_group", "AWS creates and deletes it with its VPC"),
    ("ec2.route", "part of its route table"),
    ("ec2.security_group_rule", "part of its security group"),
    ("ec2.subnet_route_table_association", "part of its route table"),
    ("ec2.transit_gateway_association", "part of its route table"),
    ("ec2.transit_gateway_propagation", "part of its route table"),
    ("elb.target_registration", "part of its target group"),
    ("events.target", "AWS deletes no rule that has one"),
    ("lambda.permission", "part of its function's policy"),
    ("s3.bucket_policy", "part of its bucket"),
    ("secrets.rotation", "part of its secret"),
    ("waf.web_acl_association", "AWS deletes no web ACL that has one"),
];

#[tokio::test]
async fn account_lists_every_resource_type() {
    let sandbox = Sandbox::fresh().await;
    let listed: BTreeSet<String> =
        serde_json::from_value(sandbox.python_file("account.py", &["--kinds"]).await).unwrap();
    assert!(NOT_LISTED.iter().all(|(_, reason)| !reason.is_empty()));
    let excepted: BTreeSet<&str> = NOT_LISTED.iter().map(|(kind, _)| *kind).collect();
    let types: BTreeSet<&str> = Types::shipped().actions().into_keys().collect();
    let missing: Vec<_> = types.iter().filter(|kind| !listed.contains(**kind) && !excepted.contains(*kind)).collect();
    assert!(missing.is_empty(), "add {missing:?} to support/python/account.py, or to `NOT_LISTED` with the reason");
    let needless: Vec<_> = excepted.iter().filter(|kind| listed.contains(**kind) || !types.contains(*kind)).collect();
    assert!(needless.is_empty(), "remove {needless:?} from `NOT_LISTED`");
}

#[tokio::test]
async fn fault_is_injected_the_requested_number_of_times() {
    let sandbox = Sandbox::fresh().await;
    let cloud = sandbox.cloud().await;
    let vpcs = async || cloud.region("us-east-1").ec2.create_vpc().cidr_block("10.1.0.0/16").send().await;

    sandbox.inject(&Fault::new("ec2", "CreateVpc", "VpcLimitExceeded").times(2).matching("10.1."));
    for _ in 0..2 {
        assert_eq!(vpcs().await.unwrap_err().into_service_error().meta().code(), Some("VpcLimitExceeded"));
    }
    vpcs().await.unwrap();
    assert_eq!(sandbox.count("ec2", "CreateVpc"), 3);
    let failed = sandbox.calls().into_iter().find(|call| call.code.is_some()).unwrap();
    assert_eq!((failed.region.as_str(), failed.status), ("us-east-1", 400));

    sandbox.forget_calls();
    sandbox.inject(&Fault::new("ec2", "CreateVpc", "UnauthorizedOperation").status(403).forever());
    vpcs().await.unwrap_err();
    sandbox.clear_faults();
    vpcs().await.unwrap();
    assert_eq!(sandbox.count("ec2", "CreateVpc"), 2);
}

#[tokio::test]
async fn command_is_judged_by_exit_code_and_output() {
    let mut cli = Cli::offline();
    cli.run(&["--help"]).await.ok().says("Usage").never_says("panicked");
    cli.run(&["no-such-command"]).await.exits(2).says("no-such-command");

    cli.configure("suffix = \n");
    cli.set("NO_COLOR", "1");
    let refused = cli.run(&["plan"]).await.exits(1);
    assert_eq!(refused.stdout, "");
}

#[tokio::test]
async fn running_command_can_be_inspected_and_stopped() {
    // A hundred times faster than AWS: slow enough to interrupt a run, and calls in flight end soon.
    let sandbox = Sandbox::scaled(100.0).await;
    let cli = Cli::new(&sandbox);
    let apply = ["--suffix", "t1", "--json", "apply"];

    let started = cli.start(&apply);
    started.says("step_done").await;
    started.interrupt();
    let interrupted = started.finish().await.exits(130);
    let summary = interrupted.summary();
    assert!(summary.created > 0 && summary.rest["interrupted"] == true, "{summary:?}");
    assert_eq!(cli.step_ids("t1").len() as u64, summary.created);

    let started = cli.start(&apply);
    started.says("step_done").await;
    started.kill();
    assert_eq!(started.finish().await.code, None);
    assert!(cli.state_folder().join("t1.journal").exists(), "a killed run leaves its journal");
}

#[tokio::test]
async fn sandbox_front_door_answers() {
    let sandbox = Sandbox::fresh().await;
    let code = format!(
        "import json, urllib.error, urllib.request\n\
         try: urllib.request.urlopen('http://127.0.0.1:{}/')\n\
         except urllib.error.HTTPError as error: print(json.dumps(error.code))",
        sandbox.front_door_port(),
    );
    assert_eq!(sandbox.python(&code).await, 404);
}

#[tokio::test]
async fn database_accepts_tls_connections_to_its_name_only() {
    let sandbox = Sandbox::fresh().await;
    let database = MariaDb::start(&["localhost", "payments.cluster-test.us-east-1.rds.amazonaws.com"]).await;
    database.sql("CREATE USER app@'%' IDENTIFIED BY 'secret'");
    assert_eq!(database.sql("SELECT 1, 'a'"), ["1\ta"]);

    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &database.ca).unwrap();
    let connect = |host: &str, tls: &[String]| {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--protocol=tcp", "--user=app", "--password=secret", "--execute=SELECT 1"]);
        client.arg(format!("--host={host}")).arg(format!("--port={}", database.port)).args(tls);
        client.output().unwrap().status.success()
    };
    let verified = [format!("--ssl-ca={}", ca.display()), "--ssl-verify-server-cert".to_owned()];
    assert!(connect("localhost", &verified));
    assert!(!connect("127.0.0.1", &verified), "the certificate is for another name");
    assert!(!connect("localhost", &["--skip-ssl".to_owned()]), "it takes plain text");

    sandbox.map_hosts(&["payments.cluster-test.us-east-1.rds.amazonaws.com"], database.port, &database.ca);
    let hosts = sandbox.control().call("GET", "hosts", None).unwrap();
    assert_eq!(hosts["payments.cluster-test.us-east-1.rds.amazonaws.com"]["port"], database.port);
}
