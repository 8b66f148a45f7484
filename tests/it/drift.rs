//! `plan --refresh-only`: what differs from the recorded state.

use serde_json::json;

use crate::support::{Cli, Sandbox};

/// Changes one queue and deletes another.
const QUEUES: &str = "
import boto3
sqs = boto3.client('sqs')
url = lambda name: sqs.get_queue_url(QueueName=name)['QueueUrl']
sqs.set_queue_attributes(QueueUrl=url('payments-queue-blue-drift2'), Attributes={'VisibilityTimeout': '7'})
sqs.delete_queue(QueueUrl=url('payments-queue-green-drift2'))
";

#[tokio::test]
async fn refresh_only_reports_drift_from_recorded_state() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let on = async |arguments: &[&str]| cli.run(&[arguments, &["--suffix", "drift2"]].concat()).await;
    let drift = ["plan", "--refresh-only", "--detailed-exitcode", "--json"];
    on(&drift).await.exits(1).explains("there is no state").explains("provisioner recover");
    on(&["apply", "--module", "blue/queues", "--module", "green/queues"]).await.ok();
    on(&drift).await.ok();

    // A changed configuration is no drift, a changed resource is.
    cli.configure("[tags]\nCostCenter = \"77\"\n");
    let events = on(&drift).await.ok().events();
    assert!(events.iter().all(|line| line["type"] != "drift"), "{events:?}");
    sandbox.python(QUEUES).await;
    sandbox.forget_calls();
    let events: Vec<_> = on(&drift).await.exits(2).events();
    let drifted: Vec<_> = events.iter().filter(|line| line["type"] == "drift").collect();
    assert_eq!(drifted.len(), 2, "{drifted:?}");
    let fields = json!([{"field": "visibility_timeout_seconds", "left": "360", "stands": "7"}]);
    let queue = |environment: &str| format!("{environment}/queues/payments-queue");
    assert_eq!((&drifted[0]["step"], &drifted[0]["changes"]), (&json!(queue("blue")), &fields));
    assert_eq!((&drifted[1]["step"], &drifted[1]["gone"]), (&json!(queue("green")), &json!(true)));
    assert_eq!(events.last().unwrap()["drifted"], 2);
    let people = on(&["plan", "--refresh-only", "--module", "green"]).await.ok();
    people.says("green/queues/payments-queue [sqs.queue] no longer exists in AWS").says("Drift: 1 step drifted");
    assert_eq!(sandbox.changes(), [""; 0]);
    on(&["plan", "--refresh-only", "--out", "file"]).await.exits(2).explains("--out");
}
