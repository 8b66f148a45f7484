//! Traffic that is moved by DNS alone: shifts, an unhealthy green, failbacks by command and by alarm.

use serde_json::{Value, json};

use super::{STAGING, with_images};
use crate::support::applied_twice::done;
use crate::support::{Applied, Shared};
use crate::traffic::killed::{Point, Way, assert_recoverable_after_kills};
use crate::traffic::{SUFFIX, Stage, assert_ended, says};

/// Calls a function of `support/python/fargate.py`.
async fn fargate(stage: &Stage, arguments: &[&str]) -> Value {
    stage.sandbox.python_file("fargate.py", &[&["us-east-1"], arguments].concat()).await
}

/// A system whose services run.
async fn running() -> Stage {
    static RUNNING: Shared<Applied> = Shared::new();
    let make = async || {
        let applied = Applied::with(SUFFIX, Some(STAGING)).await;
        applied.sandbox.python_file("fargate.py", &["us-east-1", "push", "1.0.0"]).await;
        applied.cli.configure(&with_images(SUFFIX, "1.0.0"));
        let run = applied.cli.run(&["apply", "--suffix", SUFFIX]).await.ok();
        Applied { run, ..applied }
    };
    Stage::from(Applied::copy_of(&RUNNING, make).await, false)
}

/// A shift that needs no requests.
const QUICK: [&str; 4] = ["--hold", "0s", "--least-requests", "0"];

#[tokio::test]
async fn dns_moves_customers_but_not_to_unhealthy_green() {
    let stage = running().await;
    stage.assert_green(10).await;
    stage.sandbox.forget_calls();
    let run = stage.shift(&[&["--green", "30"], &QUICK[..]].concat()).await.ok();
    assert_ended(&run, "completed", &[]);
    assert_eq!(stage.writes(), ["route53:ChangeResourceRecordSets"]);
    stage.assert_green(30).await;
    let traffic = stage.status().await;
    assert_eq!((&traffic["green"], &traffic["changed_by_others"]), (&json!(30), &json!(false)), "{traffic}");
    let status = stage.run(&["status"]).await.ok().says("Traffic: green serves 30 %");
    status.says(&format!("{}: blue 70 %, green 30 %", stage.live)).says("payment-api: 1 of 1 healthy");

    stage.sandbox.forget_calls();
    let apply = stage.run(&["apply", "--json"]).await.ok().summary();
    assert_eq!((done(&apply), apply.failed), ([0; 4], 0), "apply ignores weights");
    let destroy = stage.run(&["destroy", "--yes"]).await.exits(1).says("--yes-take-traffic-down");
    destroy.explains("green serves 30 % of the customer traffic");
    assert_eq!(stage.sandbox.changes(), [""; 0]);
    stage.assert_green(30).await;

    // A task is unhealthy before a shift, and during one.
    let api = format!("payment-api-green-{SUFFIX}");
    let unhealthy = fargate(&stage, &["add_unhealthy_target", &api]).await;
    let unhealthy = unhealthy.as_str().expect("an address");
    let run = stage.shift(&[&["--green", "50"], &QUICK[..]].concat()).await.exits(1);
    assert_ended(&run, "refused", &["healthy targets: ", "payment-api: 1 of 2 healthy"]);
    assert_eq!(stage.writes(), [""; 0]);
    fargate(&stage, &["remove_target", &api, unhealthy]).await;
    let known = stage.history().len();
    let shift = stage.start_shift(&["--green", "50", "--hold", "10m", "--least-requests", "0"]);
    stage.awaits(known, "the step", |entry| says(entry, "written", Some("dns"))).await;
    fargate(&stage, &["add_unhealthy_target", &api]).await;
    assert_ended(&shift.finish().await.exits(1), "rolled_back", &["healthy targets: ", "payment-api: 1 of 2 healthy"]);
    stage.assert_green(30).await;

    // A failback ignores the health of green.
    let failback = stage.run(&["failback"]).await.ok().says("time to effect: ");
    stage.assert_green(0).await;
    stage.sandbox.forget_calls();
    stage.run(&["failback"]).await.ok();
    assert_eq!(stage.writes(), [""; 0], "{}{}", failback.stdout, failback.stderr);
    let history = stage.history();
    let events: Vec<_> = history.iter().filter_map(|entry| entry["event"].as_str()).collect();
    for event in ["shift_started", "gates", "written", "rolling_back", "shift_ended", "failed_back"] {
        assert!(events.contains(&event), "no {event}: {events:?}");
    }
    stage.run(&["history"]).await.ok().says("30 %").says("payment-api: 1 of 2 healthy");
    stage.run(&["history", "--verify"]).await.ok();
    stage.run(&["destroy", "--yes"]).await.ok();
}

const POINTS: [(Point, Way); 6] = [
    (Point::Event("shift_started", None), Way::Resume),
    (Point::Event("gates", None), Way::Abort),
    (Point::Refused("route53", "ChangeResourceRecordSets", "dns"), Way::Failback),
    (Point::Event("written", Some("dns")), Way::Resume),
    (Point::Holding, Way::Abort),
    (Point::Event("step_done", None), Way::Failback),
];

#[tokio::test]
async fn killed_shift_can_be_resumed_aborted_and_failed_back() {
    assert_recoverable_after_kills(&running().await, &POINTS).await;
}

#[tokio::test]
async fn green_without_tasks_gets_no_more_customers() {
    let stage = Stage::of_dns(STAGING).await;
    let run = stage.shift(&[&["--green", "30"], &QUICK[..]].concat()).await.exits(1);
    assert_ended(&run, "refused", &["payment-api: no targets; transaction-processor: no targets"]);
    stage.assert_green(10).await;
}

#[tokio::test]
async fn green_alarm_moves_all_customers_to_blue() {
    let stage = running().await;
    let ear = stage.aws(&["listen", &format!("migration-events-{SUFFIX}")]).await;
    stage.shift(&[&["--green", "100"], &QUICK[..]].concat()).await.ok();
    stage.assert_green(100).await;
    let alarm = format!("green-unhealthy-{SUFFIX}");
    stage.aws(&["sound", &alarm]).await;
    let seconds = stage.aws(&["returned", &stage.live]).await.as_f64().expect("seconds");
    assert!(seconds < 60.0, "it took {seconds} s");
    stage.assert_green(0).await;

    let notification = stage.aws(&["heard", ear.as_str().expect("a queue")]).await;
    assert_eq!(notification["subject"], "Failback to blue: moved to blue");
    let report = &notification["message"];
    assert!(report["reason"].as_str().is_some_and(|reason| reason.contains(&alarm)), "{report}");
    assert_eq!((&report["edges"], &report["dns"]["changed"]), (&json!([]), &json!(true)), "{report}");
    let traffic = stage.status().await;
    assert_eq!((&traffic["green"], &traffic["changed_by_others"]), (&json!(0), &json!(true)), "{traffic}");
}
