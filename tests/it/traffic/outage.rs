//! An outage of Route 53's API, of any length: listeners are moved without waiting for it.

use super::{Stage, assert_ended, says, weights};
use crate::support::Fault;

/// Everything of Route 53 fails with this code until faults are cleared.
fn take_away(stage: &Stage, code: &str, status: u16) {
    for operation in ["ListResourceRecordSets", "ChangeResourceRecordSets", "GetChange"] {
        stage.sandbox.inject(&Fault::new("route53", operation, code).status(status).forever());
    }
}

#[tokio::test]
async fn route_53_outage_holds_shift_and_failback_still_works() {
    let stage = Stage::applied().await;
    let step = ["--hold", "1s", "--least-requests", "0"];
    stage.shift(&[&["--green", "20"], &step[..]].concat()).await.ok();

    take_away(&stage, "ServiceUnavailable", 503);
    let run = stage.shift(&[&["--green", "40"], &step[..]].concat()).await.exits(3);
    assert_ended(&run, "held", &["the listeners give green 40 %, but DNS can't be written"]);
    stage.sandbox.clear_faults();
    assert_eq!(stage.weights().await, weights(40, 40, 20));

    take_away(&stage, "AccessDenied", 403);
    let run = stage.run(&["failback"]).await.ok();
    run.says("time to effect: ").explains("DNS was not moved");
    stage.sandbox.clear_faults();
    assert_eq!(stage.weights().await, weights(0, 0, 20));
    let last = stage.history().pop().expect("an entry");
    assert!(says(&last, "failed_back", None) && last["dns_left"].is_string(), "{last}");
    assert_eq!(stage.status().await["changed_by_others"], false);

    stage.run(&["failback"]).await.ok().never_says("DNS was not moved");
    stage.assert_green(0).await;

    // A gate that fails takes green's customers back by the listeners alone.
    stage.shift(&[&["--green", "20"], &step[..]].concat()).await.ok();
    take_away(&stage, "AccessDenied", 403);
    stage.aws(&["kill", &super::function("payment-api", "green")]).await;
    stage.aws(&["await_health", &super::function("payment-api", "green"), "unhealthy"]).await;
    let ill = ["--green", "60", "--on-fail", "blue", "--least-requests", "0"];
    let run = stage.shift(&ill).await.exits(1);
    assert_ended(&run, "rolled_back", &["healthy targets: ", "DNS can't be written"]);
    stage.sandbox.clear_faults();
    assert_eq!(stage.weights().await, weights(0, 0, 20));
}
