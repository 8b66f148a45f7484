//! The kill matrix: the tool is killed (SIGKILL) at one call after the other, started again each time, and in the end
//! everything is as if it had never died.
//!
//! A point is a changing call (see [`Call::key`]) in one of three phases: an apply from nothing, an apply that updates and
//! replaces, a destroy. One life of a system takes many kills, since each run goes on where the one before it died: what
//! a kill has made twice, or lost, stands until the end of its phase, when AWS is looked at.
//!
//! [`Call::key`]: crate::support::proxy::Call

mod kills;
mod ledger;
mod life;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::support::proxy::{Fault, Moment};
use crate::support::{Cli, Proxy, Sandbox};
use kills::{Choice, Kills};
use ledger::Ledger;
use life::live;

/// How many changing calls lie between two kills of the whole matrix, at least.
const GAP: usize = 10;
/// How many points, other than the answer of every call, are sampled.
const OTHERS: usize = 60;
/// No matrix takes so many lives unless the points are other ones each time.
const MOST_LIVES: usize = 80;

#[tokio::test]
async fn system_lifecycle_survives_repeated_kills() {
    let lives = [1, 2].map(|seed| async move {
        let kills = Kills::new(Choice::Sample(seed));
        live(&kills).await;
        kills
    });
    let kills = futures::future::join_all(lives).await;
    for kills in &kills {
        assert_eq!(kills.troubles(), [""; 0]);
    }
    let points = kills.iter().map(|kills| kills.points().len()).sum::<usize>();
    eprintln!("{points} kills");
    assert!(points >= 40, "only {points} kills");
    for moment in [Moment::BeforeSend, Moment::BeforeAnswer, Moment::AfterAnswer] {
        assert!(kills.iter().any(|kills| kills.points().iter().any(|point| point.moment == moment)), "none {moment:?}");
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
    let before = sandbox.account(&life::REGIONS).await;
    sandbox.python(DELETE).await;

    // An address can be asked for twice: the call takes no token.
    proxy.on_call(|call| (call.operation == "AllocateAddress").then_some(Fault::Kill(Moment::BeforeAnswer)));
    let run = cli.start(&apply);
    proxy.may_kill(run.pid());
    assert_eq!(run.finish().await.code, None);
    proxy.settle().await;
    proxy.pass_all();
    let summary = cli.run(&apply).await.ok().summary();
    assert_eq!(summary.rest["adopted"], 1, "{summary:?}");
    let after = sandbox.account(&life::REGIONS).await;
    after.assert_no_twins();
    assert_eq!(after.len(), before.len());
}

/// What carries no tags yet, or none that AWS's index shows yet, when the tool dies: no apply comes between, which would find it by
/// what it is about to make.
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

/// The same for every operation that changes something.
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

/// An apply of a part dies when AWS has done this, and has not answered.
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
    sandbox.account(&life::REGIONS).await.assert_empty();
}

/// Goes on where the report ends, until nothing is left. `KILL_MATRIX_SEED` chooses the 60 other points;
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
    assert!(whole || most < MOST_LIVES, "after {lives} lives there are still new points");
}

/// Lives, two at a time, until they meet no point that is left. False if they were too many before.
async fn finish(ledger: &Ledger, choice: &Choice, lives: &mut usize, most: usize) -> bool {
    while *lives < most {
        let pair = (0..2).map(|_| {
            let kills = Kills::among(choice.clone(), ledger.claims());
            async move {
                let ended = tokio::spawn({
                    let kills = kills.clone();
                    async move { live(&kills).await }
                });
                let panicked = ended.await.err().map(ledger::words);
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
