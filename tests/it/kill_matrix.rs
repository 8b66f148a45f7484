//! The kill matrix: the tool is killed (SIGKILL) at one call after the other and started again each time. The result must be
//! the same as without kills.
//!
//! A point is a changing call (see [`Call::key`]) in one of three phases: the first apply, an apply that updates and
//! replaces, a destroy. One life of a system takes many kills, since each run resumes where the one before it died. What
//! a kill has created twice or lost remains until the end of its phase, when AWS is checked.
//!
//! [`Call::key`]: crate::support::proxy::Call

mod kills;
mod ledger;
mod life;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::support::proxy::{Fault, Moment};
use crate::support::{Cli, Proxy, Sandbox};
use crate::systems::{System, lambda_mysql};
use kills::{Choice, Kills};
use ledger::Ledger;
use life::live;

/// How many changing calls lie between two kills of the whole matrix, at least.
const GAP: usize = 10;
/// How many points, other than the answer of every call, are sampled.
const OTHERS: usize = 60;
/// The matrix takes fewer lives, unless the points differ in each.
const MOST_LIVES: usize = 80;

/// Kills the tool at a sample of calls, in a life of the system for each of its seeds.
pub async fn assert_survives_kills(system: &System) {
    let lives = system.kill_seeds.iter().map(|seed| async move {
        let kills = Kills::new(Choice::Sample(*seed));
        live(system, &kills).await;
        kills
    });
    let kills = futures::future::join_all(lives).await;
    for kills in &kills {
        assert_eq!(kills.troubles(), [""; 0]);
    }
    let points = kills.iter().map(|kills| kills.points().len()).sum::<usize>();
    eprintln!("{points} kills");
    assert!(points >= 20 * kills.len(), "only {points} kills");
    for moment in [Moment::BeforeSend, Moment::BeforeAnswer, Moment::AfterAnswer] {
        assert!(
            kills.iter().any(|kills| kills.points().iter().any(|point| point.moment == moment)),
            "no kill {moment:?}"
        );
    }
}

/// Deletes a NAT gateway and its address.
const DELETE: &str = r"
import boto3
ec2 = boto3.client('ec2')
ours = [{'Name': 'tag:provisioner:step', 'Values': ['blue/network/nat-gateway-a', 'blue/network/elastic-ip-a']}]
[gateway] = ec2.describe_nat_gateways(Filters=ours)['NatGateways']
[address] = ec2.describe_addresses(Filters=ours)['Addresses']
ec2.delete_nat_gateway(NatGatewayId=gateway['NatGatewayId'])
ec2.release_address(AllocationId=address['AllocationId'])
";

#[tokio::test]
async fn vanished_resource_is_recreated_once_despite_kills() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let cli = Cli::through(&proxy);
    let apply = ["apply", "--suffix", "dev1", "--json", "--module", "blue/network"];
    cli.run(&apply).await.ok();
    let before = sandbox.account(lambda_mysql::SYSTEM.regions).await;
    sandbox.python(DELETE).await;

    // A repeated call allocates a second address: it takes no client token.
    proxy.on_call(|call| (call.operation == "AllocateAddress").then_some(Fault::Kill(Moment::BeforeAnswer)));
    let run = cli.start(&apply);
    proxy.may_kill(run.pid());
    assert_eq!(run.finish().await.code, None);
    proxy.settle().await;
    proxy.pass_all();
    let summary = cli.run(&apply).await.ok().summary();
    assert_eq!(summary.rest["adopted"], 1, "{summary:?}");
    let after = sandbox.account(lambda_mysql::SYSTEM.regions).await;
    after.assert_no_twins();
    assert_eq!(after.len(), before.len());
}

/// When the tool dies, these have no tags yet, or none in AWS's index. No apply runs in between, which would find them
/// by the names that it is about to create.
#[tokio::test]
async fn destroy_after_killed_run_leaves_nothing() {
    for (operation, step) in [
        ("CreateBucket", "s3-access-logs/bucket"),
        ("CreateHostedZone", "dns/zone"),
        ("CreateHealthCheck", "dns/blue/health"),
        ("CreateKey", "key/key"),
    ] {
        die_and_destroy(operation, &["--target", step]).await;
    }
}

/// The same for every changing operation.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes long: `just kill-matrix`"]
async fn destroy_after_killed_apply_leaves_nothing() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    Cli::through(&proxy).run(&["apply", "--suffix", "dev1"]).await.ok();
    let changes = proxy.calls().into_iter().filter(|logged| logged.call.is_change);
    let operations: BTreeSet<String> = changes.map(|logged| logged.call.operation).collect();
    assert!(operations.len() > 50, "{operations:?}");
    for operation in operations {
        die_and_destroy(&operation, &[]).await;
    }
}

/// An apply of a part dies when AWS has processed this operation and not answered yet.
async fn die_and_destroy(operation: &str, part: &[&str]) {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let cli = Cli::through(&proxy);
    let at = operation.to_owned();
    proxy.on_call(move |call| (call.operation == at).then_some(Fault::Kill(Moment::BeforeAnswer)));
    let run = cli.start(&[&["apply", "--suffix", "dev1", "--json"], part].concat());
    proxy.may_kill(run.pid());
    assert_eq!(run.finish().await.code, None, "{operation}");
    proxy.settle().await;
    proxy.pass_all();
    cli.run(&["destroy", "--suffix", "dev1", "--yes"]).await.ok();
    sandbox.account(lambda_mysql::SYSTEM.regions).await.assert_empty();
}

/// Resumes at the end of the report, until no point is left. `KILL_MATRIX_SEED` chooses the 60 other points;
/// `KILL_MATRIX_LIVES` ends it earlier.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes an hour: `just kill-matrix`"]
async fn kill_at_every_call() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("KILL_MATRIX_SEED").unwrap_or(1);
    let most = number("KILL_MATRIX_LIVES").map_or(MOST_LIVES, |lives| usize::try_from(lives).expect("a small number"));
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/kill-matrix");
    let ledger = Ledger::open(&folder.join("report.jsonl"), seed);

    let mut lives = 0;
    let whole = finish(&ledger, &Choice::Every, &mut lives, most).await
        && finish(&ledger, &Choice::Others(ledger.others(OTHERS)), &mut lives, most).await;
    eprintln!("{}", ledger.summary());
    assert_eq!(ledger.troubles(), BTreeSet::new());
    assert!(whole || most < MOST_LIVES, "new points after {lives} lives");
}

/// Runs lives, two at a time, until they reach no new point. False if the limit of lives comes first.
async fn finish(ledger: &Ledger, choice: &Choice, lives: &mut usize, most: usize) -> bool {
    while *lives < most {
        let pair = (0..2).map(|_| {
            let kills = Kills::among(choice.clone(), ledger.claims());
            async move {
                let ended = tokio::spawn({
                    let kills = kills.clone();
                    async move { live(&lambda_mysql::SYSTEM, &kills).await }
                });
                let panicked = ended.await.err().map(ledger::panic_message);
                ledger.record(&kills, panicked);
                kills.is_idle()
            }
        });
        let idle = futures::future::join_all(pair).await;
        *lives += idle.len();
        eprintln!("{lives} lives: {}", ledger.summary());
        if !idle.contains(&false) {
            return true;
        }
    }
    false
}
