//! Shifts at a terminal: invalid flags, Ctrl-C, a damaged history, a lost state file.

use super::{Stage, alb, assert_ended, weights};
use crate::support::{Cli, Sandbox};

#[tokio::test]
async fn invalid_shares_and_steps_are_refused_naming_the_flag() {
    let cli = Cli::offline();
    for (flag, value) in
        [("--green", "101"), ("--green", "-1"), ("--green", "12.5"), ("--steps", "50,25"), ("--steps", "")]
    {
        let run = cli.run(&["shift", &format!("{flag}={value}"), "--suffix", "live1", "--yes"]).await;
        assert!(matches!(run.code, Some(1 | 2)) && run.stderr.contains(flag), "{value}: {run:?}");
    }
    let left = std::fs::read_dir(cli.folder()).expect("a folder").count();
    assert_eq!(left, 0, "something was written");
}

#[tokio::test]
async fn too_slow_failback_is_refused_naming_the_setting() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    cli.configure("[alarms]\nevaluation_minutes = 5\n");
    let refused = cli.run(&["apply", "--suffix", "live1"]).await.exits(1);
    refused.explains("evaluation_minutes").explains("300 s");
    assert_eq!(sandbox.changes(), [""; 0]);
}

#[tokio::test]
async fn ctrl_c_holds_shift_and_failback_works_without_state() {
    let stage = Stage::applied().await;
    let unwatched = ["--hold", "1s", "--least-requests", "0"];
    let shift = stage.start(&["shift", "--green", "30", "--hold", "10m", "--yes"]);
    shift.says("holding 30 %").await;
    shift.interrupt();
    shift.finish().await.exits(130).explains("shift --resume --suffix live1").explains("shift --abort --suffix live1");
    assert_eq!(stage.weights().await, weights(30, 30, 0));
    let run = stage.run(&["status"]).await.ok();
    run.says("--resume").says("--abort");
    assert_ended(&stage.shift(&[&["--resume"], &unwatched[..]].concat()).await.ok(), "completed", &[]);
    stage.assert_green(30).await;
    assert_history_is_sealed(&stage).await;

    // The state file is gone, and clients of blue's edge are sticky.
    let state = stage.cli.state_folder().join("live1.json");
    let aside = stage.cli.folder().join("aside.json");
    std::fs::rename(&state, &aside).expect("the state can be moved away");
    stage.aws(&["stick", &alb("blue")]).await;
    assert_eq!(stage.aws(&["sticky"]).await, serde_json::json!([alb("blue")]));
    stage.sandbox.forget_calls();
    stage.run(&["failback"]).await.exits(1).explains("no state").explains("--discover");
    assert_eq!(stage.sandbox.changes(), [""; 0]);
    stage.assert_green(30).await;

    stage.run(&["failback", "--discover"]).await.ok().says("time to effect: ");
    stage.assert_green(0).await;
    assert_eq!(stage.aws(&["sticky"]).await, serde_json::json!([]));
}

/// `history --verify` finds every changed byte and every missing entry.
async fn assert_history_is_sealed(stage: &Stage) {
    let head = super::text(&stage.history().pop().expect("an entry")["hash"]);
    let (file, verify) = (stage.history_file(), ["history", "--verify", "--head", &head]);
    stage.run(&verify).await.ok();
    let whole = std::fs::read(&file).expect("a history");
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    let digit = (middle..changed.len()).find(|place| changed[*place].is_ascii_digit()).expect("a digit");
    changed[digit] = if changed[digit] == b'1' { b'2' } else { b'1' };
    std::fs::write(&file, changed).expect("it can be written");
    stage.run(&verify[..2]).await.exits(1).explains("history");

    let lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    std::fs::write(&file, lines[..lines.len() - 1].concat()).expect("it can be written");
    stage.run(&verify[..2]).await.ok();
    stage.run(&verify).await.exits(1).explains(&head);
    std::fs::write(&file, whole).expect("it can be written");
    stage.run(&verify).await.ok();
}
