//! Saved plans: applied exactly, or not at all.

use std::os::unix::fs::PermissionsExt;

use crate::support::cli::Run;
use crate::support::{Cli, Sandbox};

async fn on(cli: &Cli, arguments: &[&str]) -> Run {
    cli.run(&[arguments, &["--suffix", "dev1"]].concat()).await
}

/// Plans the queues of blue, a part that is applied quickly.
async fn save(cli: &Cli) -> Run {
    on(cli, &["plan", "--module", "blue/queues", "--out", "queues.plan"]).await.ok()
}

const BY_HAND: &str = "
import boto3
sqs = boto3.client('sqs')
url = sqs.get_queue_url(QueueName='payments-queue-blue-dev1')['QueueUrl']
sqs.set_queue_attributes(QueueUrl=url, Attributes={'VisibilityTimeout': '7'})
";

#[tokio::test]
async fn saved_plan_is_applied_exactly_or_not_at_all() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let apply = ["apply", "--json", "--plan", "queues.plan"];
    cli.run(&apply).await.exits(1).explains("queues.plan").explains("provisioner plan --out FILE");
    save(&cli).await.says("`provisioner apply --plan queues.plan` applies exactly this plan or nothing");
    let file = cli.folder().join("queues.plan");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!cli.state_folder().exists(), "planning writes no state");

    // No plan, or an edited one.
    let saved = std::fs::read_to_string(&file).unwrap();
    for (text, said) in [
        ("", "not a saved plan"),
        (&saved[..saved.len() / 2], "not a saved plan"),
        ("{\"format\": 2}", "it has format 2"),
        (&saved.replacen("payments-queue", "payments-kueue", 1), "damaged or edited"),
        (&saved.replacen("\"create\"", "\"delete\"", 1), "damaged or edited"),
    ] {
        std::fs::write(&file, text).unwrap();
        cli.run(&apply).await.exits(1).explains(said);
    }
    std::fs::write(&file, &saved).unwrap();
    cli.run(&[&apply[..], &["--suffix", "dev2"]].concat()).await.exits(1).explains("the plan is for dev1");
    cli.run(&[&apply[..], &["--target", "dashboard"]].concat()).await.exits(2).explains("--plan");
    assert_eq!(sandbox.changes(), [""; 0]);

    // The plan contains the suffix and the selection.
    let done = cli.run(&apply).await.ok().summary();
    assert!(done.created > 1 && done.failed == 0, "{done:?}");
    let steps = cli.step_ids("dev1").len() as u64;
    assert_eq!(done.created, steps);
    cli.run(&apply).await.exits(1).explains("is outdated: there was no state, but now there is one");

    // Nothing has changed, so there is nothing to do.
    save(&cli).await;
    sandbox.forget_calls();
    assert_eq!(cli.run(&apply).await.ok().summary().unchanged, steps);

    // A change in AWS, then of the configuration, then of the state.
    assert_eq!(sandbox.changes(), [""; 0]);
    sandbox.python(BY_HAND).await;
    sandbox.forget_calls();
    cli.run(&apply).await.exits(1).explains("AWS has changed at blue/queues/payments-queue");
    on(&cli, &["plan", "--module", "blue/queues", "--detailed-exitcode"]).await.exits(2);
    save(&cli).await;
    cli.configure("[tags]\nCostCenter = \"77\"\n");
    let run = cli.run(&apply).await.exits(1);
    run.explains("the configuration has changed at").explains("blue/queues/payments-queue");
    save(&cli).await;
    on(&cli, &["state", "mv", "blue/queues/payments-queue", "blue/queues/other"]).await.ok();
    cli.run(&apply).await.exits(1).explains("the state has changed");
    assert_eq!(sandbox.changes(), [""; 0]);
    on(&cli, &["state", "mv", "blue/queues/other", "blue/queues/payments-queue"]).await.ok();

    // A plan with changes is applied once.
    save(&cli).await;
    assert!(cli.run(&apply).await.ok().summary().updated > 1);
    cli.run(&apply).await.exits(1).explains("the state has changed");
    on(&cli, &["plan", "--module", "blue/queues", "--detailed-exitcode"]).await.ok();
}
