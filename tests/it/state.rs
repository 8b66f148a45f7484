//! The state: commands that show and edit it, state in S3 with a lock, recovery of a lost state.

use std::time::Duration;

use provisioner::state::Store;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::cli::Run;
use crate::support::{Applied, Cli, Sandbox};
use crate::systems::lambda_mysql::SYSTEM;

/// A bucket for states, with versions.
const BUCKET: &str = "
import boto3
s3 = boto3.client('s3')
s3.create_bucket(Bucket='states')
s3.put_bucket_versioning(Bucket='states', VersioningConfiguration={'Status': 'Enabled'})
";

/// The keys of its objects, and how they are encrypted.
const OBJECTS: &str = "
import boto3, json
s3 = boto3.client('s3')
keys = [one['Key'] for one in s3.list_objects_v2(Bucket='states').get('Contents', [])]
print(json.dumps({key: s3.head_object(Bucket='states', Key=key).get('ServerSideEncryption') for key in keys}))
";

/// Damages the state's objects.
const DAMAGE: &str = r"
import boto3
s3 = boto3.client('s3')
s3.put_object(Bucket='states', Key='team-a/dev1.json', Body=b'\xff{}')
s3.put_object(Bucket='states', Key='team-a/dev1.journal/0000000001-000001', Body=b'\xff of no use\n')
";

/// With a short lease, so that the test can wait for its end.
const PLACE: &str = "s3://states/team-a?lease=10s";

async fn on(cli: &Cli, arguments: &[&str]) -> Run {
    cli.run(&[arguments, &["--suffix", "dev1"]].concat()).await
}

/// On a part of the system.
async fn part(cli: &Cli, arguments: &[&str]) -> Run {
    on(cli, &[arguments, &["--module", "blue/network", "--module", "blue/queues"]].concat()).await
}

async fn in_s3(cli: &Cli, arguments: &[&str]) -> Run {
    on(cli, &[arguments, &["--state", PLACE]].concat()).await
}

fn steps(run: &Run) -> Vec<String> {
    run.events().iter().filter_map(|line| line["step"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn state_commands_show_edit_and_restore() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    on(&cli, &["state", "list"]).await.exits(1).explains("there is no state");
    part(&cli, &["apply"]).await.ok();
    let listed = steps(&on(&cli, &["state", "list", "--json"]).await.ok());
    let (vpc, queue) = ("blue/network/vpc".to_owned(), "blue/queues/payments-queue".to_owned());
    assert!(listed.contains(&vpc) && listed.contains(&queue), "{listed:?}");
    let shown = on(&cli, &["state", "show", &vpc]).await.ok();
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert!(shown["record"]["outputs"]["vpc_id"].as_str().is_some_and(|id| id.starts_with("vpc-")), "{shown}");
    on(&cli, &["state", "show", "nowhere"]).await.exits(1).explains("the state has no step nowhere");

    // A step can be renamed once, and back.
    let before = on(&cli, &["state", "pull"]).await.ok().stdout;
    on(&cli, &["state", "mv", &queue, "blue/queues/other"]).await.ok();
    on(&cli, &["state", "mv", &queue, "blue/queues/other"])
        .await
        .exits(1)
        .explains("the state already has a step blue/queues/other");
    on(&cli, &["state", "mv", "nowhere", "there"]).await.exits(1).explains("the state has no step nowhere");
    assert!(steps(&on(&cli, &["state", "list", "--json"]).await.ok()).contains(&"blue/queues/other".to_owned()));
    on(&cli, &["state", "mv", "blue/queues/other", &queue]).await.ok();
    part(&cli, &["plan", "--detailed-exitcode"]).await.ok();

    // Removed steps still exist in AWS, and are adopted by their tags.
    on(&cli, &["state", "rm", &queue, &vpc]).await.ok();
    on(&cli, &["state", "rm", &queue]).await.exits(1).explains("the state has no step");
    assert!(!steps(&on(&cli, &["state", "list", "--json"]).await.ok()).contains(&queue));
    let adopted = part(&cli, &["apply", "--json"]).await.ok().summary();
    assert_eq!((&adopted.rest["adopted"], adopted.created), (&json!(2), 0));

    // An older state, another system's state and an invalid one are refused.
    let file = cli.folder().join("pulled.json");
    std::fs::write(&file, &before).unwrap();
    let name = file.to_str().unwrap();
    on(&cli, &["state", "push", name]).await.exits(1).explains("is older than the current state").explains("--force");
    cli.run(&["state", "push", name, "--suffix", "dev2"]).await.exits(1).explains("belongs to lambda-mysql dev1");
    std::fs::write(&file, before.replacen("vpc-", "vpc_", 1)).unwrap();
    on(&cli, &["state", "push", name, "--force"]).await.exits(1).explains("is not a valid state");
    std::fs::write(&file, &before).unwrap();
    on(&cli, &["state", "push", name, "--force"]).await.ok();
    part(&cli, &["plan", "--detailed-exitcode"]).await.ok();

    // Damaged, and restored.
    std::fs::write(cli.state_folder().join("dev1.json"), &before[..before.len() / 2]).unwrap();
    on(&cli, &["plan"]).await.exits(1).explains("is damaged").explains("provisioner state restore");
    let generations = on(&cli, &["state", "history", "--json"]).await.ok().events();
    let kept = generations.iter().find(|one| one["current"] == false).expect("a generation");
    on(&cli, &["state", "restore", "nothing"]).await.exits(1).explains("no generation nothing");
    let counts = generations.iter().find(|one| one["current"] == true).expect("the one that counts");
    let again = on(&cli, &["state", "restore", counts["generation"].as_str().unwrap()]).await.exits(1);
    again.explains("is already the current generation");
    on(&cli, &["state", "restore", kept["generation"].as_str().unwrap()]).await.ok();
    part(&cli, &["apply"]).await.ok();
    part(&cli, &["plan", "--detailed-exitcode"]).await.ok();
    // The damaged generation is kept and marked.
    let generations = on(&cli, &["state", "history", "--json"]).await.ok().events();
    assert_eq!(generations.iter().filter(|one| one["damaged"] == true).count(), 1, "{generations:?}");
    on(&cli, &["state", "history"]).await.ok().says("can't be read").says(" steps");
    on(&cli, &["state", "unlock"]).await.ok().says("is not locked");

    // A system without levers.
    let mut session = Store::folder(cli.state_folder()).open("dev1", "test", || unreachable!()).await.unwrap();
    session
        .change(|state| {
            state.levers = None;
            Ok::<_, ()>(())
        })
        .unwrap();
    session.finish().await.unwrap();
    on(&cli, &["shift", "--green", "10"]).await.exits(1).explains("the state of dev1 contains no levers");
    on(&cli, &["failback"]).await.exits(1).explains("the state of dev1 contains no levers").explains("--discover");
}

#[tokio::test]
async fn s3_state_lease_is_renewed_taken_over_and_fenced() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    in_s3(&cli, &["apply"]).await.exits(1).explains("there is no such bucket");
    sandbox.python(BUCKET).await;

    // One of two concurrent runs gets the lock, and keeps it longer than a lease. The other names its owner.
    let place = [&["apply", "--json"][..], &["--suffix", "dev1", "--state", PLACE]].concat();
    let first = cli.start(&place);
    first.says("step_started").await;
    let refused = in_s3(&cli, &["destroy", "--yes"]).await.exits(1);
    refused.explains("another run holds the lock s3://states/team-a/dev1.lock: `provisioner apply`");
    first.finish().await.ok();
    let objects = sandbox.python(OBJECTS).await;
    assert_eq!(objects["team-a/dev1.json"], "aws:kms", "{objects}");
    let journal = objects.as_object().unwrap().keys().filter(|key| key.contains("journal")).count();
    assert_eq!(journal, 0, "{objects}");
    assert!(!cli.state_folder().exists(), "no local state is written");
    in_s3(&cli, &["plan", "--detailed-exitcode"]).await.ok();

    // The traffic history is in S3 too.
    in_s3(&cli, &["shift", "--green", "20", "--hold", "0s", "--least-requests", "0", "--yes"]).await.ok();
    in_s3(&cli, &["failback"]).await.ok().says("time to effect: ");
    let entries = in_s3(&cli, &["history", "--json"]).await.ok().events();
    let events: Vec<_> = entries.iter().map(|entry| entry["event"].as_str().unwrap_or_default()).collect();
    assert!(events.contains(&"step_done") && events.contains(&"failed_back"), "{events:?}");
    in_s3(&cli, &["history", "--verify"]).await.ok();

    // After a kill the lock expires with its lease, and nothing is lost.
    let destroy = [&["destroy", "--yes", "--json"][..], &["--suffix", "dev1", "--state", PLACE]].concat();
    let run = cli.start(&destroy);
    run.says_often("\"step_done\"", 20).await;
    run.kill();
    assert_eq!(run.finish().await.code, None);
    in_s3(&cli, &["apply"]).await.exits(1).explains("if that run is dead, the lock expires in");
    wait_until_free(&cli).await;

    // Suspended until another run has taken over the lock: once resumed, the first changes nothing more.
    let sleeper = cli.start(&place);
    sleeper.says_often("\"step_done\"", 3).await;
    let pid = Pid::from_raw(sleeper.pid().cast_signed()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    wait_until_free(&cli).await;
    let other = cli.start(&place);
    other.says("\"started\"").await;
    kill_process(pid, Signal::CONT).unwrap();
    let fenced = sleeper.finish().await.exits(1);
    let said = format!("{}{}", fenced.stdout, fenced.stderr);
    assert!(said.contains("the lock of s3://states/team-a/dev1.lock was lost"), "{said}");
    let summary = other.finish().await.ok().summary();
    assert_eq!(summary.failed, 0);
    in_s3(&cli, &["plan", "--detailed-exitcode"]).await.ok();
    sandbox.account(&["us-east-1", "us-east-2"]).await.assert_no_twins();

    // Versions are the generations.
    let generations = in_s3(&cli, &["state", "history", "--json"]).await.ok().events();
    assert!(generations.len() >= 3 && generations[0]["current"] == true, "{generations:?}");
    sandbox.python(DAMAGE).await;
    in_s3(&cli, &["plan"]).await.exits(1).explains("is not UTF-8 text").explains("provisioner state restore");
    let kept = generations[0]["generation"].as_str().unwrap();
    in_s3(&cli, &["state", "restore", kept]).await.ok().explains("moved to s3://states/team-a/dev1.journal.");
    in_s3(&cli, &["plan", "--detailed-exitcode"]).await.ok();
    let objects = sandbox.python(OBJECTS).await;
    let aside = objects.as_object().unwrap().keys().filter(|key| key.contains("dev1.journal.")).count();
    assert_eq!(aside, 1, "{objects}");
    in_s3(&cli, &["destroy", "--yes"]).await.ok();
    in_s3(&cli, &["state", "list"]).await.exits(1).explains("there is no state s3://states/team-a/dev1.json");
}

/// Waits until the lease of a dead run expires: tries a command that needs the lock and changes nothing.
async fn wait_until_free(cli: &Cli) {
    for _ in 0..60 {
        if in_s3(cli, &["state", "mv", "nowhere", "there"]).await.exits(1).stderr.contains("the state has no step") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("the lock doesn't expire");
}

#[tokio::test]
async fn invalid_state_place_is_refused_naming_the_flag() {
    let cli = Cli::offline();
    for place in ["gs://states", "s3://", "s3://states?lease=1s", "s3://states?color=red"] {
        let run = cli.run(&["plan", "--suffix", "dev1", "--state", place]).await.exits(2);
        run.explains("--state <PLACE>");
    }
    assert!(!cli.state_folder().exists());
}

#[tokio::test]
async fn recover_rebuilds_state_and_orphans_lists_the_rest() {
    let Applied { sandbox, cli, .. } = SYSTEM.copy().await;
    on(&cli, &["recover"]).await.ok().says("0 of them are new");
    on(&cli, &["orphans"]).await.ok().says("0 orphans");
    let known = steps(&on(&cli, &["state", "list", "--json"]).await.ok());

    let state = cli.state_folder();
    std::fs::rename(&state, cli.folder().join("lost")).unwrap();
    on(&cli, &["orphans"]).await.exits(2).says("not remembered: arn:aws:ec2:").says("provisioner recover");
    sandbox.forget_calls();
    on(&cli, &["recover"]).await.ok().says(&format!("{0} of {0} steps exist", known.len()));
    assert_eq!(sandbox.changes(), [""; 0]);
    assert_eq!(steps(&on(&cli, &["state", "list", "--json"]).await.ok()), known);
    let plan = on(&cli, &["plan", "--detailed-exitcode", "--json"]).await.ok().summary();
    assert_eq!(plan.rest["adopted"], 0);
    on(&cli, &["orphans"]).await.ok();
    on(&cli, &["failback"]).await.ok();

    // A queue with the same name and tags in another region is an orphan.
    let twin = "import boto3\nboto3.client('sqs', region_name='us-west-2').create_queue(QueueName='payments-queue-green-dev1', \
                tags={'provisioner:system': 'lambda-mysql', 'provisioner:suffix': 'dev1', \
                'provisioner:step': 'green/queues/payments-queue'})";
    sandbox.python(twin).await;
    let run = on(&cli, &["orphans"]).await.exits(2);
    run.says("1 orphan;").says("arn:aws:sqs:us-west-2:").says("the state records another resource for this step");
    let gone = "import boto3\nsqs = boto3.client('sqs', region_name='us-west-2')\n\
                sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName='payments-queue-green-dev1')['QueueUrl'])";
    sandbox.python(gone).await;

    // A resource created after an older state was written is found by its tags, although that state records another one.
    let before = on(&cli, &["state", "pull"]).await.ok().stdout;
    on(&cli, &["apply", "--yes", "--replace", "green/network/elastic-ip-a"]).await.ok();
    std::fs::write(cli.folder().join("before.json"), before).unwrap();
    let file = cli.folder().join("before.json");
    on(&cli, &["state", "push", "--force", file.to_str().unwrap()]).await.ok();
    let found = on(&cli, &["apply", "--json"]).await.ok().summary();
    assert_eq!((found.created, found.deleted, found.failed), (0, 0, 0), "{found:?}");
    on(&cli, &["orphans"]).await.ok();
    on(&cli, &["plan", "--detailed-exitcode"]).await.ok();
    on(&cli, &["state", "push", "--force", file.to_str().unwrap()]).await.ok();

    // A resource deleted in AWS, and one without a step in the state.
    on(&cli, &["state", "rm", "green/queues/payments-queue"]).await.ok();
    let queue = "import boto3\nsqs = boto3.client('sqs')\n\
                 sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName='payments-queue-blue-dev1')['QueueUrl'])";
    sandbox.python(queue).await;
    let run = on(&cli, &["orphans"]).await.exits(2);
    run.says("not in AWS: blue/queues/payments-queue").says(":payments-queue-green-dev1");
    on(&cli, &["apply"]).await.ok();
    on(&cli, &["orphans"]).await.ok();
    on(&cli, &["destroy", "--yes"]).await.ok();
    sandbox.account(&["us-east-1", "us-east-2"]).await.assert_empty();
}
