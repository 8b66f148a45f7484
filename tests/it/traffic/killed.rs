//! A shift is killed at one point after the other. Its progress is reported, and it can be resumed, aborted or failed back.

use super::{Stage, says};
use crate::support::Fault;

/// What is done after the kill.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Resume,
    Abort,
    Failback,
}

/// Where it is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Point {
    /// Once the history has such an entry.
    Event(&'static str, Option<&'static str>),
    /// Once it reports that it holds a step.
    Holding,
    /// While AWS refuses the writes of this lever.
    Refused(&'static str, &'static str, &'static str),
    /// Once blue's edge has its weights, while AWS refuses those of green's.
    BetweenEdges,
}

const POINTS: [(Point, Way); 11] = [
    (Point::Event("shift_started", None), Way::Resume),
    (Point::Event("gates", None), Way::Abort),
    (Point::Refused("elbv2", "ModifyListener", "listeners"), Way::Failback),
    (Point::BetweenEdges, Way::Resume),
    (Point::BetweenEdges, Way::Abort),
    (Point::BetweenEdges, Way::Failback),
    (Point::Event("written", Some("listeners")), Way::Abort),
    (Point::Holding, Way::Failback),
    (Point::Refused("route53", "ChangeResourceRecordSets", "dns"), Way::Resume),
    (Point::Event("written", Some("dns")), Way::Resume),
    (Point::Event("step_done", None), Way::Resume),
];

impl Point {
    fn fault(self) -> Option<Fault> {
        let throttled = |service, operation| Fault::new(service, operation, "Throttling").forever();
        match self {
            Point::Refused(service, operation, _) => Some(throttled(service, operation)),
            Point::BetweenEdges => Some(throttled("elbv2", "ModifyListener").matching(&super::alb("green"))),
            Point::Event(..) | Point::Holding => None,
        }
    }
}

/// Starts a shift and kills it at this point.
async fn shift_and_die(stage: &Stage, point: Point) {
    let known = stage.history().len();
    point.fault().iter().for_each(|fault| stage.sandbox.inject(fault));
    stage.sandbox.forget_calls();
    let shift = stage.start_shift(&["--steps", "20,40", "--hold", "1s", "--least-requests", "0"]);
    let tries = |refused: bool| {
        let calls = stage.sandbox.calls().into_iter();
        calls
            .filter(|call| call.operation.as_deref() == Some("ModifyListener") && call.code.is_some() == refused)
            .count()
    };
    match point {
        Point::Event(event, lever) => stage.awaits(known, event, |entry| says(entry, event, lever)).await,
        Point::Refused(.., lever) => stage.awaits(known, lever, |entry| says(entry, "writing", Some(lever))).await,
        Point::Holding => shift.says(r#""type":"holding""#).await,
        Point::BetweenEdges => {
            let wait = crate::support::wait::wait_for(std::time::Duration::from_secs(60), || {
                (tries(false) > 0 && tries(true) > 0).then_some(())
            });
            wait.await.expect("one edge is written and the other isn't");
        }
    }
    shift.kill();
    assert_eq!(shift.finish().await.code, None, "it ended before it was killed");
    stage.sandbox.clear_faults();
}

#[tokio::test]
async fn killed_shift_is_reported_resumed_aborted_and_failed_back() {
    assert_recoverable_after_kills(&Stage::applied().await, &POINTS).await;
}

/// Kills shifts at these points: the progress is reported, and each shift can be resumed, aborted or failed back.
pub(crate) async fn assert_recoverable_after_kills(stage: &Stage, points: &[(Point, Way)]) {
    for (point, way) in points {
        eprintln!("killed at {point:?}, then {way:?}");
        shift_and_die(stage, *point).await;
        if let Point::BetweenEdges = point {
            assert_eq!(stage.weights().await, super::weights(20, 0, 0));
        }
        let traffic = stage.status().await;
        assert!(traffic["unfinished"].is_object(), "{traffic}");
        assert_eq!(traffic["changed_by_others"], false, "{traffic}");

        match way {
            Way::Resume => {
                let run = stage.shift(&["--resume", "--least-requests", "0"]).await.ok();
                super::assert_ended(&run, "completed", &[]);
                stage.assert_green(40).await;
                stage.run(&["failback"]).await.ok();
            }
            Way::Abort => super::assert_ended(&stage.shift(&["--abort"]).await.ok(), "aborted", &[]),
            Way::Failback => drop(stage.run(&["failback"]).await.ok()),
        }
        stage.assert_green(0).await;
    }
    let unfinished = stage.status().await["unfinished"].clone();
    assert!(unfinished.is_null(), "{unfinished}");
    stage.run(&["history", "--verify"]).await.ok();
}
