//! Selected parts of a system: applied, replaced and destroyed alone.

use crate::support::cli::Run;
use crate::support::{Cli, Sandbox};

async fn on(cli: &Cli, arguments: &[&str]) -> Run {
    cli.run(&[arguments, &["--suffix", "dev1"]].concat()).await
}

#[tokio::test]
async fn selected_part_is_applied_replaced_and_destroyed() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let (queue, letters) = ("green/queues/payments-queue", "green/queues/payments-dead-letters");
    for (flag, name, meant) in [
        ("--target", "green/queues/payment-queue", queue),
        ("--replace", "green/queues/payment-queue", queue),
        ("--module", "green/queue", "green/queues"),
    ] {
        for command in ["plan", "apply"] {
            let run = on(&cli, &[command, flag, name]).await.exits(1);
            run.explains(&format!(" {name}")).explains(&format!("did you mean {meant}?"));
        }
    }
    on(&cli, &["destroy", "--yes", "--target", queue]).await.ok().says("nothing to destroy");
    on(&cli, &["plan", "--target", "green/queues"]).await.exits(1).explains("--module green/queues");
    on(&cli, &["plan", "--module", queue]).await.exits(1).explains(&format!("--target {queue}"));
    let apart = ["apply", "--module", "blue/queues", "--replace", queue];
    on(&cli, &apart).await.exits(1).explains("it isn't selected").explains(&format!("--target {queue}"));
    assert_eq!(sandbox.changes(), [""; 0]);

    // The queue needs its dead-letter queue, and both need the key.
    let apply = ["apply", "--json", "--target", queue];
    let built = on(&cli, &apply).await.ok().summary();
    let applied = cli.step_ids("dev1");
    assert_eq!(built.created, applied.len() as u64);
    assert!(applied.contains(queue) && applied.contains(letters), "{applied:?}");
    assert!(applied.iter().all(|step| !step.contains("network") && !step.starts_with("blue/")), "{applied:?}");
    let again = on(&cli, &apply).await.ok().summary();
    assert_eq!((again.created, again.unchanged), (0, built.created));

    // A second part is added without changes to the first.
    on(&cli, &["apply", "--module", "blue/network/", "--target", "blue/queues/payments-queue"]).await.ok();
    let wider = cli.step_ids("dev1");
    assert!(wider.is_superset(&applied) && wider.contains("blue/network/vpc"), "{wider:?}");
    on(&cli, &["plan", "--module", "blue/network", "--detailed-exitcode"]).await.ok();
    on(&cli, &["plan", "--detailed-exitcode"]).await.exits(2);
    for command in ["status", "output"] {
        on(&cli, &[command]).await.ok().never_says("⟦").never_says("takes at most");
    }

    // Replaced on request only.
    sandbox.forget_calls();
    let replace = ["--target", queue, "--replace", queue];
    on(&cli, &[&["plan"], &replace[..]].concat())
        .await
        .ok()
        .says("payments-queue [sqs.queue] will be replaced, as requested");
    assert_eq!(sandbox.changes(), [""; 0]);
    let replaced = on(&cli, &[&["apply", "--json"], &replace[..]].concat()).await.ok().summary();
    assert_eq!((replaced.replaced, replaced.created, replaced.deleted), (1, 0, 0));
    let changes = sandbox.changes();
    for operation in ["DeleteQueue", "CreateQueue"] {
        assert!(changes.iter().any(|change| change.contains(operation)), "no {operation} in {changes:?}");
    }
    // Stateful resources need their flag here too.
    let bucket = "s3-access-logs/bucket";
    on(&cli, &["apply", "--target", bucket]).await.ok();
    let run = on(&cli, &["apply", "--target", bucket, "--replace", bucket]).await.exits(1);
    run.explains(&format!("delete data that can't be recreated: {bucket}")).explains("--allow-data-loss");
    on(&cli, &["destroy", "--yes", "--target", bucket]).await.ok();
    // A key is never replaced: its data could no longer be decrypted.
    for command in ["plan", "apply"] {
        let run = on(&cli, &[command, "--target", "green/key/key", "--replace", "green/key/key"]).await.exits(1);
        run.explains("can't replace green/key/key: only this key can decrypt what it has encrypted");
    }

    // A destroy includes the dependents, and nothing else.
    on(&cli, &["destroy", "--yes", "--target", letters]).await.ok();
    let left = cli.step_ids("dev1");
    assert!(!left.contains(letters) && !left.contains(queue), "{left:?}");
    assert!(left.is_superset(&wider.iter().filter(|step| step.starts_with("blue/")).cloned().collect()), "{left:?}");
    on(&cli, &["destroy", "--yes", "--module", "blue/network"]).await.ok();
    // Repeated, there is nothing to do. An unknown module is an error.
    on(&cli, &["destroy", "--yes", "--module", "blue/network"])
        .await
        .ok()
        .explains("none of the selected steps exists");
    on(&cli, &["destroy", "--yes", "--module", "blue/netwerk"]).await.exits(1).explains("did you mean blue/network?");
    let left = cli.step_ids("dev1");
    assert!(!left.contains("blue/network/vpc") && left.contains("blue/queues/payments-queue"), "{left:?}");
    on(&cli, &["state", "rm", "blue/queues/payments-queue"]).await.ok();
    on(&cli, &["orphans"]).await.exits(2).says("tagged as blue/queues/payments-queue: `provisioner apply ");
    on(&cli, &["destroy", "--yes"])
        .await
        .ok()
        .explains("1 resource with the tags of dev1 not in the state and not deleted, for example arn:aws:sqs:");
    assert!(!cli.state_folder().join("dev1.json").exists());
    on(&cli, &["destroy", "--yes"]).await.ok().explains("1 resource with the tags of dev1");
    on(&cli, &["recover"]).await.ok().says("1 of ").says("1 of them are new");
    on(&cli, &["destroy", "--yes"]).await.ok();
    assert!(!cli.state_folder().join("dev1.json").exists());
    on(&cli, &["orphans"]).await.ok();
}
