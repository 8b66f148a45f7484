//! Gates: the ones that stop a shift, and the ones that make it wait.

use super::{Stage, assert_ended, function, says, weights};

/// A refused shift ends with this code and outcome, reports the reason, and leaves all weights at blue.
async fn assert_stays_at_blue(stage: &Stage, code: i32, outcome: &str, because: &[&str]) {
    stage.sandbox.forget_calls();
    let run = stage.shift(&["--green", "10", "--hold", "1s", "--patience", "1s"]).await.exits(code);
    assert_ended(&run, outcome, because);
    assert_eq!(stage.writes(), [""; 0]);
    stage.assert_green(0).await;
}

#[tokio::test]
async fn unhealthy_or_unknown_green_gets_no_more_customers() {
    let stage = Stage::applied().await;
    let green = function("payment-api", "green");
    let composite = format!("green-unhealthy-{}", super::SUFFIX);
    let alarms = stage.aws(&["alarms_of", &composite]).await;
    // Else, where the machine is slow, the function that this alarm calls moves the customers before the gates do.
    stage.aws(&["silence", &composite]).await;
    // This alarm has data only when it fires, so it keeps the state that is set.
    let names = alarms.as_array().expect("names").iter().map(super::text);
    let alarm = names.clone().find(|name| name.contains("api-throttles")).unwrap_or_else(|| panic!("{alarms}"));
    let set = async |state: &str| drop(stage.aws(&["set_alarm", &alarm, state]).await);

    set("ALARM").await;
    assert_stays_at_blue(&stage, 1, "refused", &["alarms: ", &alarm, "ALARM"]).await;
    set("INSUFFICIENT_DATA").await;
    assert_stays_at_blue(&stage, 3, "held", &["alarms: ", &alarm, "INSUFFICIENT_DATA"]).await;
    set("OK").await;
    let last = stage.history().pop().expect("an entry");
    assert_eq!((&last["event"], &last["outcome"]), (&"shift_ended".into(), &"held".into()));

    // There are no requests, so no data: it stays at its first step.
    let few = ["--hold", "1s", "--patience", "1s", "--least-requests", "20"];
    let run = stage.shift(&[&["--steps", "10,20"], &few[..]].concat()).await.exits(3);
    assert_ended(&run, "held", &["requests: ", "20"]);
    assert!(run.events().iter().any(|event| event["type"] == "waiting"), "{}", run.stdout);
    assert_eq!(stage.weights().await, weights(10, 10, 0));

    stage.sandbox.forget_calls();
    let dry = stage.run(&["shift", "--green", "50", "--dry-run"]).await;
    for call in ["ModifyListener", "ChangeResourceRecordSets"] {
        assert!(dry.stdout.contains(call), "{}{}", dry.stdout, dry.stderr);
    }
    assert_eq!(stage.sandbox.changes(), [""; 0]);

    assert_ended(&stage.shift(&["--abort"]).await.ok(), "aborted", &[]);
    stage.assert_green(0).await;

    // With --on-fail hold a gate that fails moves nothing either.
    let known = stage.history().len();
    let shift = stage.start_shift(&["--green", "10", "--hold", "10m", "--least-requests", "20", "--on-fail", "hold"]);
    shift.says(r#""type":"holding""#).await;
    stage.aws(&["spoil", &green]).await;
    stage.pay(&format!("{}:8443", stage.hosts[1]), 30, 503).await;
    let run = shift.finish().await.exits(3);
    assert_ended(&run, "held", &["errors: ", "100.0 % of", "failed in green"]);
    assert_eq!(stage.weights().await, weights(10, 10, 0));
    let history = stage.history();
    assert!(history[known..].iter().all(|entry| !says(entry, "rolling_back", None)), "{history:#?}");

    // If green has customers already, a refused shift leaves its share, unless a rollback is configured.
    stage.sandbox.forget_calls();
    let run = stage.shift(&["--green", "20", "--least-requests", "20"]).await.exits(1);
    assert_ended(&run, "refused", &["errors: "]);
    assert_eq!(stage.writes(), [""; 0]);
    let run = stage.shift(&["--green", "20", "--least-requests", "20", "--on-fail", "blue"]).await.exits(1);
    assert_ended(&run, "rolled_back", &["errors: "]);
    stage.assert_green(0).await;

    // Its code is broken: health checks and requests fail.
    stage.aws(&["kill", &green]).await;
    stage.aws(&["await_health", &green, "unhealthy"]).await;
    assert_stays_at_blue(&stage, 1, "refused", &["healthy targets: ", "0 of 1 healthy"]).await;
    stage.run(&["history", "--verify"]).await.ok();
}
