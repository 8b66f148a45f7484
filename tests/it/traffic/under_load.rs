//! Shifts and failbacks while customers pay: no payment is lost.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Busy, RATE, Stage, assert_ended, at, ending, function, happenings, says, weights};
use crate::support::load::Log;

/// The probability below which a number of green's responses counts as wrong: that of 4.5 standard deviations.
const RARE: f64 = 3.4e-6;

/// Fails if the number of green's payments is this improbable with this weight.
fn assert_share(log: &Log, from: Timestamp, to: Timestamp, percent: u32) {
    let (blue, green) = log.between(from, to);
    let all = blue + green;
    let least = (to.duration_since(from).as_secs_f64() * f64::from(RATE) * 0.7) as usize;
    assert!(all >= least, "only {all} payments where {least} are needed");
    let share = f64::from(percent) / 100.0;
    // The chance of each number from 0 on, one from the other; a logarithm, as the first ones are tiny.
    let next = |chance: f64, number: usize| {
        chance + ((all - number) as f64 / (number + 1) as f64).ln() + (share / (1.0 - share)).ln()
    };
    let chances: Vec<f64> = match percent {
        0 => (0..=all).map(|number| f64::from(number == 0)).collect(),
        100 => (0..=all).map(|number| f64::from(number == all)).collect(),
        _ => {
            let mut chance = (1.0 - share).ln() * all as f64;
            let mut chances = vec![chance.exp()];
            chances.extend((0..all).map(|number| {
                chance = next(chance, number);
                chance.exp()
            }));
            chances
        }
    };
    let (few, many): (f64, f64) = (chances[..=green].iter().sum(), chances[green..].iter().sum());
    assert!(few.min(many) > RARE, "green answered {green} of {all} payments at {percent} %");
}

/// Fails unless each step's share of the payments matches its weight, from its verified write to the next write. The last
/// one ends at `end`.
fn assert_shares(log: &Log, happened: &[Value], end: Timestamp) {
    let steps: Vec<_> = happened.iter().filter(|entry| says(entry, "written", Some("listeners"))).collect();
    let mut writes = happened.iter().filter(|entry| says(entry, "writing", Some("listeners"))).map(at).skip(1);
    for step in &steps {
        let percent = step["to"].as_u64().expect("a share") as u32;
        assert_share(log, at(step), writes.next().unwrap_or(end), percent);
    }
    let shares: Vec<_> = steps.iter().map(|step| step["to"].clone()).collect();
    assert_eq!(shares, [10, 50, 100]);
}

#[tokio::test]
async fn stepwise_shift_and_failback_lose_no_payment() {
    let busy = Stage::busy(RATE).await;
    let began = Timestamp::now();
    let run = busy.shift(&["--steps", "10,50,100", "--hold", "3s", "--least-requests", "20"]).await.ok();
    assert_ended(&run, "completed", &[]);
    assert_eq!(ending(&run)["green"], 100);
    let shifted = Timestamp::now();
    busy.assert_green(100).await;

    busy.sandbox.forget_calls();
    let failback = busy.start(&["failback", "--json"]);
    let asked = Timestamp::now();
    let failback = failback.finish().await.ok();
    let calls = busy.sandbox.calls();
    busy.assert_green(0).await;
    let failed_back = Timestamp::now();
    sleep(Duration::from_secs(1)).await;
    let (stage, log) = busy.end();

    log.assert_all_accepted(RATE as usize * 10);
    assert!(stage.hosts.iter().all(|host| log.to(host) >= RATE as usize * 3), "customers come by all names");
    let happened = happenings(&run);
    let first_write = happened.iter().find(|entry| says(entry, "writing", None)).map(at).expect("a write");
    let (before, none) = log.between(began - SignedDuration::from_secs(1), began);
    assert!(before > 0 && none == 0, "green served {none} of {before} customers before there was a shift");
    assert!(first_write > began);
    assert_shares(&log, &happened, shifted);

    let end = ending(&failback);
    let to_effect = end["seconds_to_effect"].as_f64().expect("seconds");
    assert_eq!(end["outcome"], "failed_back");
    assert!(to_effect < 20.0, "it took {to_effect} s");
    // A payment in progress when the weights change is still answered by green.
    let last = log.last_sent_to_green().expect("green served").duration_since(asked).as_secs_f64();
    assert!(
        last <= to_effect,
        "green got a payment {last} s after the failback was asked for, which says {to_effect} s"
    );
    assert_eq!(log.between(failed_back, Timestamp::now()).1, 0);
    // All calls except those of the functions.
    let calls: Vec<_> =
        calls.into_iter().filter(|call| call.service != "sqs").filter_map(|call| call.operation).collect();
    let first = calls.iter().position(|operation| operation == "ModifyListener").expect("a write");
    assert!(first <= 2, "{first} calls come before the first weights change: {calls:?}");

    stage.sandbox.forget_calls();
    let again = stage.run(&["failback"]).await.ok().says("time to effect: ");
    assert_eq!(stage.writes(), [""; 0], "{}{}", again.stdout, again.stderr);
    stage.assert_green(0).await;
    assert_history_of_steps(&stage.history());
    stage.run(&["history", "--verify"]).await.ok();
}

/// Each step is there with its gates and both writes, and after them the failback.
fn assert_history_of_steps(history: &[Value]) {
    let events: Vec<_> = history.iter().map(|entry| entry["event"].as_str().expect("an event")).collect();
    let count = |event: &str, lever| history.iter().filter(|entry| says(entry, event, lever)).count();
    for lever in ["listeners", "dns"] {
        assert_eq!((count("writing", Some(lever)), count("written", Some(lever))), (3, 3), "{events:?}");
    }
    let counts = ["shift_started", "step_done", "shift_ended", "failback_started", "failed_back"]
        .map(|event| count(event, None));
    assert_eq!(counts, [1, 3, 1, 2, 2], "{events:?}");
    assert!(count("gates", None) >= 3, "{events:?}");
    let changed = |entry: &&Value| says(entry, "written", None) || entry["event"] == "failed_back";
    for (number, entry) in history.iter().filter(changed).enumerate() {
        // The second failback found everything as it should be.
        let is_idle = number == 7;
        let ids = entry["request_ids"].as_array().expect("request ids").len();
        assert_eq!(ids == 0, is_idle, "{entry}");
    }
}

#[tokio::test]
async fn shift_rolls_back_when_green_becomes_unhealthy() {
    let busy = Stage::busy(RATE).await;
    let shift = busy.start_shift(&["--steps", "20,50,100", "--hold", "6s", "--least-requests", "20"]);
    busy.awaits(0, "the second step", |entry| says(entry, "written", Some("listeners")) && entry["to"] == 50).await;
    let before = busy.load.log().failed().len();
    busy.aws_of("spoil", function("payment-api", "green")).await;
    let run = shift.finish().await.exits(1);
    let ended = Timestamp::now();
    busy.assert_green(0).await;
    sleep(Duration::from_secs(1)).await;
    let (stage, log) = busy.end();

    assert_ended(&run, "rolled_back", &["errors: ", " % of ", "green"]);
    let after = log.failed().iter().filter(|exchange| exchange.started > ended).count();
    assert!((before, after) == (0, 0) && !log.failed().is_empty(), "{:#?}", log.failed());

    let history = stage.history();
    let events: Vec<_> = history.iter().map(|entry| entry["event"].as_str().expect("an event")).collect();
    let expected: Vec<_> = events.iter().filter(|event| **event != "gates").copied().collect();
    let step = ["writing", "written", "writing", "written", "step_done"];
    let all = [&["shift_started"], &step[..], &step[..2], &["rolling_back"], &step[..4], &["shift_ended"]].concat();
    assert_eq!(expected, all);
    let failed = history.iter().find(|entry| entry["verdict"] == "fail").expect("a gate that failed");
    let checks = failed["checks"].as_array().expect("checks");
    assert!(checks.iter().any(|check| check["name"] == "errors" && check["verdict"] == "fail"), "{failed}");
    let back = &history[events.iter().position(|event| *event == "rolling_back").unwrap()];
    assert_eq!(back["to"], 0);
    let end = history.last().unwrap();
    assert_eq!((&end["outcome"], &end["green"]), (&json!("rolled_back"), &json!(0)));
}

#[tokio::test]
async fn green_alarm_fails_back_without_a_running_tool() {
    let busy: Busy = Stage::busy(RATE).await;
    busy.shift(&["--green", "50", "--hold", "2s", "--least-requests", "20"]).await.ok();
    busy.assert_green(50).await;
    let ear = busy.aws(&["listen", &format!("migration-events-{}", super::SUFFIX)]).await;
    busy.aws(&["set_alarm", &format!("green-unhealthy-{}", super::SUFFIX), "ALARM"]).await;
    let seconds = busy.aws(&["returned", &busy.live]).await.as_f64().expect("seconds");
    assert!(seconds < 60.0, "it took {seconds} s");
    let notification = busy.aws(&["heard", ear.as_str().expect("a queue")]).await;
    assert_eq!(notification["message"]["outcome"], "moved to blue");
    sleep(Duration::from_secs(1)).await;
    let (stage, log) = busy.end();
    log.assert_all_accepted(RATE as usize * 4);

    let traffic = stage.status().await;
    assert_eq!((&traffic["green"], &traffic["changed_by_others"]), (&json!(0), &json!(true)), "{traffic}");
    assert_eq!(stage.weights().await, weights(0, 0, 0));
}
