//! Failures: AWS errors, invalid input, concurrent and killed runs, taken names. The system is complete afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use provisioner::state::State;
use serde_json::{Value, json};

use crate::support::cli::{Run, Summary};
use crate::support::proxy::Fault as InFlight;
use crate::support::wait::wait_for;
use crate::support::{Cli, Fault, Proxy, Sandbox, Shared};

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];
const APPLY: [&str; 4] = ["apply", "--suffix", "dev1", "--json"];

/// A plan is empty and adopts nothing.
async fn assert_settled(cli: &Cli) {
    let plan = cli.run(&["plan", "--suffix", "dev1", "--json", "--detailed-exitcode"]).await.ok();
    let summary = plan.summary();
    let counts = [summary.created, summary.updated, summary.replaced, summary.deleted, summary.failed];
    assert_eq!((counts, adopted(&summary)), ([0; 5], 0), "a plan that isn't empty:\n{}", plan.stdout);
}

/// The number of resources that were adopted: created by a run that couldn't record them.
fn adopted(summary: &Summary) -> u64 {
    summary.rest["adopted"].as_u64().unwrap()
}

fn steps(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|entry| entry["step"].as_str().unwrap().to_owned()).collect()
}

/// The direct and indirect dependents of these steps, by the output of `graph`, and the number of all steps.
async fn dependents(cli: &Cli, of: &[&str]) -> (BTreeSet<String>, usize) {
    let dot = cli.run(&["graph", "--suffix", "dev1"]).await.ok().stdout;
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in dot.lines().filter_map(|line| line.trim().trim_end_matches(';').split_once(" -> ")) {
        users.entry(from.trim_matches('"')).or_default().push(to.trim_matches('"'));
    }
    let mut found = BTreeSet::new();
    let mut left = of.to_vec();
    while let Some(step) = left.pop() {
        for user in users.get(step).into_iter().flatten() {
            if found.insert((*user).to_owned()) {
                left.push(user);
            }
        }
    }
    (found, dot.matches(" [label=").count())
}

#[tokio::test]
async fn failed_step_skips_only_dependents_and_apply_resumes() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let (cluster, queue) = ("blue/database/cluster", "green/queues/payments-queue");
    let refusals = [
        Fault::new("rds", "CreateDBCluster", "AccessDenied").status(403).matching("aurora-blue-dev1"),
        Fault::new("sqs", "CreateQueue", "InvalidParameterValue").matching("payments-queue-green-dev1"),
    ];
    refusals.into_iter().for_each(|refusal| sandbox.inject(&refusal.forever()));
    let (skipped, all) = dependents(&cli, &[cluster, queue]).await;
    assert!(skipped.contains("blue/database/instance-1") && skipped.len() < all / 2, "{skipped:?}");

    // For people, on stderr.
    let mut run = cli.run(&["apply", "--suffix", "dev1"]).await.exits(1);
    for (step, operation, code, advice) in [
        (cluster, "rds:CreateDBCluster", "AccessDenied", "check the credentials"),
        (queue, "sqs:CreateQueue", "InvalidParameterValue", "provisioner.toml"),
    ] {
        let mut lines = run.stderr.lines().skip_while(|line| !line.starts_with(&format!("failed: {step}: ")));
        let said = lines.next().unwrap_or_else(|| panic!("{step} isn't reported:\n{}", run.stderr));
        assert!(said.contains(operation) && said.contains(&format!("code {code}, request id ")), "{said}");
        let help = lines.next().unwrap_or_default();
        assert!(help.trim_start().starts_with('→') && help.contains(advice), "{help}");
        run = run.says(&format!("skipped {}", if step == cluster { "blue/database/instance-1" } else { "green/" }));
    }
    let recorded = |cli: &Cli| -> BTreeSet<String> { cli.step_ids("dev1") };
    let finished = recorded(&cli);
    assert_eq!(finished.len(), all - skipped.len() - 2);
    assert!(finished.contains("green/database/recovery/cluster"), "the other environment is complete");
    assert!(finished.is_disjoint(&skipped));

    // For programs, in the summary. Existing resources are not changed again.
    let again = cli.run(&APPLY).await.exits(1).summary();
    assert_eq!((again.created, again.updated, again.replaced, again.deleted, again.failed), (0, 0, 0, 0, 2));
    assert_eq!(steps(&again.rest["failures"]), BTreeSet::from([cluster.to_owned(), queue.to_owned()]));
    assert_eq!(steps(&again.rest["skipped"]), skipped);
    for failure in again.rest["failures"].as_array().unwrap() {
        let text = |key: &str| failure[key].as_str().unwrap_or_default().to_owned();
        let (operation, code) = match failure["step"] == cluster {
            true => ("rds:CreateDBCluster", "AccessDenied"),
            false => ("sqs:CreateQueue", "InvalidParameterValue"),
        };
        assert_eq!((text("operation").as_str(), text("code").as_str()), (operation, code));
        assert!(!text("request_id").is_empty() && !text("message").is_empty() && !text("help").is_empty(), "{failure}");
    }

    sandbox.clear_faults();
    let rest = cli.run(&APPLY).await.ok().summary();
    assert_eq!((rest.created, rest.failed), (skipped.len() as u64 + 2, 0));
    assert_eq!(recorded(&cli).len(), all);
    sandbox.account(&REGIONS).await.assert_no_twins();
    assert_settled(&cli).await;
}

/// An account in which nothing may be created.
async fn untouched() -> Arc<Sandbox> {
    static UNTOUCHED: Shared<Sandbox> = Shared::new();
    UNTOUCHED.get(Sandbox::fresh).await
}

/// Runs a command that must be refused, without a change in AWS or on disk.
async fn refused(sandbox: &Sandbox, cli: &Cli, arguments: &[&str]) -> Run {
    let states = |cli: &Cli| -> BTreeMap<_, _> {
        let entries = std::fs::read_dir(cli.state_folder()).into_iter().flatten().flatten();
        entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect()
    };
    let before = states(cli);
    let run = cli.run(arguments).await.exits(1);
    assert_eq!(sandbox.changes(), [""; 0]);
    assert!(states(cli) == before, "states were written: {:?}", states(cli).keys());
    // No internals in messages.
    run.never_says("panicked").never_says("Error {").never_says("kind: ")
}

#[tokio::test]
async fn an_unknown_setting_is_named_with_its_line() {
    let sandbox = untouched().await;
    let cli = Cli::new(&sandbox);
    cli.configure("region = \"us-east-1\"\n\n[network]\nblue_cdir = \"10.1.0.0/16\"\n");
    for command in ["plan", "apply"] {
        let run = refused(&sandbox, &cli, &[command, "--suffix", "dev1"]).await;
        run.explains("provisioner.toml: TOML parse error at line 4")
            .explains("unknown field `blue_cdir`")
            .explains("`blue_cidr`");
    }
}

#[tokio::test]
async fn networks_that_overlap_are_named_with_their_line() {
    let sandbox = untouched().await;
    let cli = Cli::new(&sandbox);
    cli.configure("[network]\nblue_cidr = \"10.1.0.0/16\"\n\n# oh\ngreen_cidr = \"10.1.0.0/16\"\n");
    let run = refused(&sandbox, &cli, &["apply", "--suffix", "dev1"]).await;
    run.explains("provisioner.toml:5: network.green_cidr: 10.1.0.0/16 overlaps network.blue_cidr");
}

#[tokio::test]
async fn invalid_suffix_is_refused() {
    let sandbox = untouched().await;
    let cli = Cli::new(&sandbox);
    for bad in ["Dev1", "dev_1", "dév", "../dev1", "1dev", "dev1-", "a b", "abcdefghij1234567", ""] {
        let run = refused(&sandbox, &cli, &["apply", &format!("--suffix={bad}")]).await;
        run.explains(&format!("invalid suffix {bad:?}")).explains("at most 16 characters").explains("for example dev1");
    }
    cli.configure("suffix = \"Dev1\"\n");
    refused(&sandbox, &cli, &["apply"]).await.explains("invalid suffix \"Dev1\"");
}

#[tokio::test]
async fn missing_suffix_with_several_states_is_refused() {
    let sandbox = untouched().await;
    let cli = Cli::new(&sandbox);
    refused(&sandbox, &cli, &["apply"])
        .await
        .explains("no suffix is given, and there is no state")
        .explains("--suffix");
    for suffix in ["dev1", "dev2"] {
        put_state(&cli, suffix, &State::new("lambda-mysql", suffix, "123456789012", "us-east-1").to_text());
    }
    for command in [&["apply"][..], &["plan"], &["destroy", "--yes"], &["output"]] {
        let run = refused(&sandbox, &cli, command).await;
        run.explains("no suffix is given, and there are several states: dev1, dev2").explains("--suffix dev1");
    }
}

#[tokio::test]
async fn missing_and_wrong_credentials_differ() {
    let sandbox = untouched().await;
    let mut cli = Cli::offline();
    cli.set("AWS_ENDPOINT_URL", &sandbox.endpoint());
    let run = refused(&sandbox, &cli, &["apply", "--suffix", "dev1"]).await;
    run.explains("no credentials").explains("set AWS_PROFILE or log in").explains("--sandbox works without any");
}

#[tokio::test]
async fn unreachable_endpoint_is_reported() {
    let sandbox = untouched().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut cli = Cli::offline();
    for (name, value) in sandbox.credentials() {
        cli.set(name, &value);
    }
    cli.set("AWS_ENDPOINT_URL", &format!("http://{nobody}"));
    let run = refused(&sandbox, &cli, &["apply", "--suffix", "dev1"]).await;
    run.explains("sts:GetCallerIdentity")
        .explains("Connection refused")
        .explains("AWS can't be reached: check the network and AWS_ENDPOINT_URL");
}

fn put_state(cli: &Cli, suffix: &str, text: &str) {
    std::fs::create_dir_all(cli.state_folder()).unwrap();
    std::fs::write(cli.state_folder().join(format!("{suffix}.json")), text).unwrap();
}

#[tokio::test]
async fn state_of_another_system_or_account_is_refused() {
    let sandbox = untouched().await;
    let cli = Cli::new(&sandbox);
    put_state(&cli, "dev1", &State::new("fargate-postgres", "dev1", "123456789012", "us-east-1").to_text());
    put_state(&cli, "dev2", &State::new("lambda-mysql", "dev2", "999999999999", "us-east-1").to_text());
    for command in [&["apply"][..], &["plan"], &["destroy", "--yes"]] {
        let run = refused(&sandbox, &cli, &[command, &["--suffix", "dev1"]].concat()).await;
        run.explains("dev1.json is of the system fargate-postgres, but the configuration is of lambda-mysql");
        let run = refused(&sandbox, &cli, &[command, &["--suffix", "dev2"]].concat()).await;
        run.explains("dev2.json is of the AWS account 999999999999, but the credentials are of 123456789012");
    }
}

#[tokio::test]
async fn truncated_state_is_refused() {
    let sandbox = untouched().await;
    let cli = Cli::new(&sandbox);
    let whole = State::new("lambda-mysql", "dev1", "123456789012", "us-east-1").to_text();
    let changed = whole.replace("us-east-1", "us-east-2");
    let cuts = [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 3, whole.len() - 1];
    let damaged = cuts.iter().map(|length| &whole[..*length]).chain([changed.as_str()]);
    for text in damaged {
        put_state(&cli, "dev1", text);
        for command in [&["plan"][..], &["apply"], &["destroy", "--yes"], &["output"]] {
            let run = refused(&sandbox, &cli, &[command, &["--suffix", "dev1"]].concat()).await;
            let run = run.explains("the state state/dev1.json is damaged");
            let run = run.explains("nothing was changed; `provisioner state history --suffix dev1");
            run.explains("lists the generations before it");
        }
    }
    // With the whole file the plan succeeds.
    put_state(&cli, "dev1", &whole);
    cli.run(&["plan", "--suffix", "dev1"]).await.ok();
}

#[tokio::test]
async fn account_mismatch_is_refused() {
    let sandbox = untouched().await;
    let cli = Cli::new(&sandbox);
    cli.configure("\naccount = \"111122223333\"\n");
    let run = refused(&sandbox, &cli, &["apply", "--suffix", "dev1"]).await;
    let run = run.explains("provisioner.toml:2: account").explains("123456789012");
    run.explains("the configuration allows only 111122223333").explains("AWS_PROFILE");
    cli.configure("\naccount = \"123456789012\"\n");
    cli.run(&["plan", "--suffix", "dev1"]).await.ok();
}

#[tokio::test]
async fn concurrent_run_is_refused_naming_the_lock_owner() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let first = cli.start(&APPLY);
    first.says("step_started").await;
    for command in [&["apply"][..], &["destroy", "--yes"]] {
        let second = cli.run(&[command, &["--suffix", "dev1"]].concat()).await.exits(1);
        let second = second.explains("another run holds the lock state/dev1.lock: `provisioner apply`");
        second.explains(&format!("process {}, since 20", first.pid())).explains("wait for it to end");
    }
    // Reading needs no lock.
    let output = cli.run(&["output", "--suffix", "dev1"]).await.ok();
    assert_eq!(output.stdout, "", "nothing exists yet");
    let summary = first.finish().await.ok().summary();
    assert_eq!((summary.failed, summary.unchanged), (0, 0));
    sandbox.account(&REGIONS).await.assert_no_twins();
    assert_settled(&cli).await;
}

/// How many steps are recorded.
fn count(cli: &Cli) -> u64 {
    cli.step_ids("dev1").len() as u64
}

#[tokio::test]
async fn interrupted_apply_finishes_calls_and_next_resumes() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let run = cli.start(&APPLY);
    run.says_often("\"step_done\"", 150).await;
    run.interrupt();
    let first = run.finish().await.exits(130).summary();
    assert!(first.rest["interrupted"] == true && first.failed == 0 && first.created >= 150, "{first:?}");
    assert_eq!(count(&cli), first.created);
    assert_eq!(cli.state("dev1").get("intents"), None, "steps in progress were completed");
    let run = cli.run(&APPLY).await.ok();
    let touched = json!(run.events().into_iter().filter(|event| event["type"] == "step_done").collect::<Vec<_>>());
    let (touched, skipped) = (steps(&touched), steps(&first.rest["skipped"]));
    assert!(touched.is_superset(&skipped), "skipped a second time: {:?}", &skipped - &touched);
    // The recorder can only be started once there is a delivery channel.
    let again: Vec<_> = touched.difference(&skipped).filter(|step| *step != "compliance/recorder").collect();
    assert!(again.is_empty(), "done a second time: {again:?}");
    assert_eq!(run.summary().failed, 0);
    sandbox.account(&REGIONS).await.assert_no_twins();
    assert_settled(&cli).await;
}

#[tokio::test]
async fn second_ctrl_c_ends_apply_at_once_and_next_resumes() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let cli = Cli::through(&proxy);
    // A call is in flight at both interrupts, longer than the test waits.
    let slow = InFlight::Delay(Duration::from_secs(600));
    proxy.on_call(move |call| (call.operation == "CreateDBCluster").then_some(slow));
    let run = cli.start(&APPLY);
    run.says_often("\"step_done\"", 100).await;
    let in_flight = || proxy.calls().iter().any(|call| call.fault.is_some()).then_some(());
    wait_for(Duration::from_secs(120), in_flight).await.expect("a cluster is being created");
    run.interrupt();
    run.says("\"interrupted\"").await;
    run.interrupt();
    let events = run.finish().await.exits(130).events();
    assert!(events.iter().all(|event| event["type"] != "summary"), "it has waited for the call in flight");
    proxy.settle().await;
    proxy.pass_all();
    assert_eq!(cli.run(&APPLY).await.ok().summary().failed, 0);
    sandbox.account(&REGIONS).await.assert_no_twins();
    assert_settled(&cli).await;
}

/// Creates a bucket with our name unless it exists; prints its tags and objects.
const BUCKET: &str = r"
import boto3, json, sys
s3, name = boto3.client('s3'), 's3-access-logs-123456789012-dev1'
if not s3.list_buckets()['Buckets']:
    s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={'TagSet': [{'Key': 'Team', 'Value': 'ops'}]})
    s3.put_object(Bucket=name, Key='precious', Body=b'1')
tags = s3.get_bucket_tagging(Bucket=name)['TagSet']
print(json.dumps([tags, [one['Key'] for one in s3.list_objects_v2(Bucket=name)['Contents']]]))
";

#[tokio::test]
async fn name_taken_after_intent_recorded_stays_unmanaged() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let bucket = "s3-access-logs/bucket";
    let apply = ["apply", "--suffix", "dev1", "--target", bucket];
    sandbox.inject(&Fault::new("s3", "CreateBucket", "AccessDenied").forever());
    cli.run(&apply).await.exits(1);
    sandbox.clear_faults();
    assert!(cli.state("dev1")["intents"][bucket].is_object());
    let theirs = sandbox.python(BUCKET).await;
    cli.run(&apply).await.exits(1).says("exists already and is unmanaged");
    assert_eq!(sandbox.python(BUCKET).await, theirs);
    cli.run(&["destroy", "--suffix", "dev1", "--yes"]).await.ok();
    assert_eq!(sandbox.python(BUCKET).await, theirs);
    assert!(!cli.state_folder().join("dev1.json").exists());
}

/// Creates unmanaged resources with our names.
const UNMANAGED: &str = r"
import boto3, json
boto3.client('sqs').create_queue(QueueName='payments-queue-blue-dev1', Attributes={'VisibilityTimeout': '7'})
s3 = boto3.client('s3')
s3.create_bucket(Bucket='alb-logs-123456789012-green-dev1')
s3.put_object(Bucket='alb-logs-123456789012-green-dev1', Key='precious', Body=b'1')
trust = {'Version': '2012-10-17', 'Statement': [
    {'Effect': 'Allow', 'Principal': {'Service': 'ec2.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}
# Of another suffix.
tags = {'provisioner:system': 'lambda-mysql', 'provisioner:suffix': 'dev2', 'provisioner:step': 'backup/role'}
boto3.client('iam').create_role(RoleName='backup-dev1', AssumeRolePolicyDocument=json.dumps(trust),
    Tags=[{'Key': key, 'Value': value} for key, value in tags.items()])
";

/// Reads all settings of [`UNMANAGED`].
const LOOK: &str = r"
import boto3, json
from botocore.exceptions import ClientError
sqs, s3, iam = (boto3.client(service) for service in ('sqs', 's3', 'iam'))
url = sqs.get_queue_url(QueueName='payments-queue-blue-dev1')['QueueUrl']
queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']
seen = {'queue': [queue, sqs.list_queue_tags(QueueUrl=url).get('Tags')]}
for setting in ('versioning', 'policy', 'tagging', 'encryption', 'lifecycle_configuration', 'logging',
                'ownership_controls', 'notification_configuration'):
    try:
        answer = getattr(s3, f'get_bucket_{setting}')(Bucket='alb-logs-123456789012-green-dev1')
        answer.pop('ResponseMetadata')
    except ClientError as error:
        answer = error.response['Error']['Code']
    seen[setting] = answer
versions = s3.list_object_versions(Bucket='alb-logs-123456789012-green-dev1')
seen['objects'] = [version['Key'] for version in versions['Versions']]
role = iam.get_role(RoleName='backup-dev1')['Role']
seen['role'] = [role['AssumeRolePolicyDocument'], role.get('Description'), role['Tags'],
    iam.list_role_policies(RoleName='backup-dev1')['PolicyNames'],
    iam.list_attached_role_policies(RoleName='backup-dev1')['AttachedPolicies']]
print(json.dumps(seen, default=str))
";

#[tokio::test]
async fn unmanaged_resources_with_our_names_are_left_alone() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    sandbox.python(UNMANAGED).await;
    let before = (sandbox.python(LOOK).await, sandbox.account(&REGIONS).await);
    let theirs = ["backup/role", "blue/queues/payments-queue", "green/edge/alb-logs/bucket"];
    let theirs: BTreeSet<String> = theirs.iter().map(|step| (*step).to_owned()).collect();

    // A plan reports them before anything is created.
    let plan = cli.run(&["plan", "--suffix", "dev1", "--json"]).await.exits(1);
    let failed = plan.events().into_iter().filter(|event| event["type"] == "plan_failed").collect::<Vec<_>>();
    assert_eq!(steps(&json!(failed)), theirs);

    let apply = cli.run(&APPLY).await.exits(1).summary();
    assert_eq!(steps(&apply.rest["failures"]), theirs);
    for failure in apply.rest["failures"].as_array().unwrap() {
        let (message, help) = (failure["message"].as_str().unwrap(), failure["help"].as_str().unwrap());
        assert!(message.ends_with("exists already and is unmanaged"), "{message}");
        assert!(message.contains("-dev1"), "which one? {message}");
        assert!(help.contains("use another --suffix") && help.contains("provisioner import"), "{help}");
    }
    assert!(apply.created > 200, "the rest is created: {apply:?}");
    assert_eq!(sandbox.python(LOOK).await, before.0);

    // A second run, with a state, doesn't change them either.
    cli.run(&APPLY).await.exits(1);
    cli.run(&["destroy", "--suffix", "dev1", "--yes"]).await.ok();
    assert_eq!(sandbox.python(LOOK).await, before.0);
    before.1.assert_same(&sandbox.account(&REGIONS).await);
}
