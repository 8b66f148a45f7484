//! Concurrent changes during a shift: weights changed by hand, failback, apply, destroy.

use serde_json::json;

use super::{Stage, alb, assert_ended, says, weights};

/// `apply` has nothing to do, and leaves the weights.
async fn assert_unchanged(stage: &Stage) {
    let before = stage.weights().await;
    stage.sandbox.forget_calls();
    let apply = stage.run(&["apply", "--json"]).await.ok().summary();
    let done = [apply.created, apply.updated, apply.replaced, apply.deleted, apply.failed];
    assert_eq!(done, [0; 5], "{apply:?}");
    assert_eq!(stage.sandbox.changes(), [""; 0]);
    assert_eq!(stage.weights().await, before);
}

#[tokio::test]
async fn external_changes_are_noticed_and_traffic_respected() {
    let stage = Stage::applied().await;

    // Blue's edge is changed by hand while a step is held.
    let shift = stage.start_shift(&["--green", "30", "--hold", "10m"]);
    shift.says(r#""type":"holding""#).await;
    assert_eq!(stage.weights().await, weights(30, 30, 0));
    assert_unchanged_while_held(&stage).await;
    stage.sandbox.forget_calls();
    stage.aws(&["shift_edge", &alb("blue"), "55", "45"]).await;
    let run = shift.finish().await.exits(3);
    assert_ended(&run, "held", &["blue edge", "45"]);
    assert_eq!(stage.writes(), ["elbv2:ModifyListener"], "the shift wrote as well");
    assert_eq!(stage.weights().await, weights(45, 30, 0));
    let noticed =
        stage.history().into_iter().find(|entry| says(entry, "noticed", None)).expect("an entry in the history");
    let blue = |key: &str| noticed[key].as_array().unwrap().iter().find(|one| one["lever"] == "blue edge").cloned();
    assert_eq!(blue("from"), Some(json!({ "lever": "blue edge", "blue": 70, "green": 30 })));
    assert_eq!(blue("to"), Some(json!({ "lever": "blue edge", "blue": 55, "green": 45 })));
    let traffic = stage.status().await;
    assert_eq!(traffic["green"], json!(null), "{traffic}");
    stage.sandbox.forget_calls();
    stage.shift(&["--resume"]).await.exits(1).explains("weights were changed outside provisioner");
    assert_eq!(stage.writes(), [""; 0]);

    // Weights are no drift: neither edges that differ nor weights that the tool would never write.
    assert_unchanged(&stage).await;
    stage.aws(&["shift", &stage.live, "1", "6"]).await;
    assert_eq!(stage.status().await["changed_by_others"], true);
    assert_unchanged(&stage).await;

    // A failback doesn't wait, records changes by hand, and ends a shift in progress.
    let known = stage.history().len();
    stage.run(&["failback"]).await.ok();
    stage.assert_green(0).await;
    let history = stage.history();
    let noticed = history[known..].iter().find(|entry| says(entry, "noticed", None)).expect("an entry in the history");
    assert_eq!(noticed["to"].as_array().unwrap().len(), 2, "{noticed}");
    let shift = stage.start_shift(&["--green", "30", "--hold", "10m"]);
    shift.says(r#""type":"holding""#).await;
    stage.shift(&["--green", "40"]).await.exits(1).explains("shift");
    let known = stage.history().len();
    stage.run(&["failback", "--reason", "customers complain"]).await.ok();
    stage.assert_green(0).await;
    let run = shift.finish().await.exits(1);
    assert_ended(&run, "failed_back", &["failback"]);
    stage.assert_green(0).await;
    let history = stage.history();
    let begun =
        history[known..].iter().find(|entry| says(entry, "failback_started", None)).expect("a started failback");
    assert_eq!(begun["why"], "customers complain");
    let up = history[known..].iter().filter(|entry| says(entry, "writing", None) && entry["to"] != 0);
    assert_eq!(up.count(), 0, "{history:#?}");
    stage.run(&["history", "--verify"]).await.ok();

    // An environment with customers isn't destroyed.
    stage.shift(&["--green", "30", "--hold", "0s", "--least-requests", "0"]).await.ok();
    stage.assert_green(30).await;
    stage.sandbox.forget_calls();
    let refused = stage.run(&["destroy", "--yes"]).await.exits(1);
    refused.explains("failback").explains("--yes-take-traffic-down").explains("30 %");
    assert_eq!(stage.sandbox.changes(), [""; 0]);
    stage.run(&["failback"]).await.ok();
    // Sticky clients are still served by green.
    stage.aws(&["stick", &alb("blue")]).await;
    stage.run(&["destroy", "--yes"]).await.exits(1).explains("of the customer traffic");
    stage.run(&["failback"]).await.ok();
    stage.run(&["destroy"]).await.exits(1).explains("set --yes").never_says("--yes-take-traffic-down");
    stage.aws(&["shift", &stage.live, "70", "30"]).await;
    stage.run(&["destroy", "--yes", "--yes-take-traffic-down"]).await.ok();
    let balancers = stage.sandbox.account(&["us-east-1"]).await.of("us-east-1", "elbv2.load_balancer");
    assert!(balancers.is_empty(), "{balancers:?}");
}

/// The lock refuses `apply`, but not commands that only read.
async fn assert_unchanged_while_held(stage: &Stage) {
    stage.run(&["plan", "--detailed-exitcode"]).await.ok();
    stage.run(&["apply"]).await.exits(1).explains("provisioner shift");
    stage.status().await;
}
