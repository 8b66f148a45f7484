use proptest::prelude::*;

use super::*;

/// Limits as people set them.
pub const LIMITS: Limits = Limits {
    least_requests: 100,
    max_error_percent: 1.0,
    error_margin_percent: 0.5,
    max_latency_ms: 2000.0,
    latency_factor: 1.5,
    latency_slack_ms: 100.0,
    least_healthy_percent: 100,
};

fn reading(requests: f64, errors: f64, p99_ms: impl Into<Option<f64>>) -> Reading {
    Reading { requests, errors, p99_ms: p99_ms.into() }
}

fn targets(healthy: u32, unhealthy: u32, initial: u32, unavailable: u32) -> Targets {
    let group = "blue edge".to_owned();
    Targets { group, healthy, unhealthy, initial, unavailable, reason: Some("it is so".to_owned()) }
}

fn alarm(name: &str, state: AlarmState) -> AlarmReading {
    AlarmReading { name: name.to_owned(), state, reason: Some("2 of 2".to_owned()) }
}

/// Nothing is wrong.
fn well() -> Readings {
    Readings {
        targets: vec![Ok(targets(2, 0, 0, 0)), Ok(targets(1, 0, 0, 0))],
        alarms: Ok(vec![alarm("errors", AlarmState::Ok), alarm("all", AlarmState::Ok)]),
        blue: Ok(reading(1000.0, 2.0, 200.0)),
        green: Ok(reading(1000.0, 2.0, 210.0)),
    }
}

fn found(readings: &Readings, limits: &Limits, name: &str) -> (Verdict, String) {
    let check = judge(readings, limits, Share::GREEN).into_iter().find(|check| check.name == name).unwrap();
    (check.verdict, check.reading)
}

fn verdict_of(readings: &Readings) -> Verdict {
    verdict(&judge(readings, &LIMITS, Share::GREEN))
}

fn of_green(green: Reading, name: &str) -> (Verdict, String) {
    found(&Readings { green: Ok(green), ..well() }, &LIMITS, name)
}

fn of_blue(blue: Reading, green: Reading, name: &str) -> (Verdict, String) {
    found(&Readings { blue: Ok(blue), green: Ok(green), ..well() }, &LIMITS, name)
}

#[test]
fn a_green_with_which_nothing_is_wrong_passes_all_checks() {
    let checks = judge(&well(), &LIMITS, Share::GREEN);
    let said: Vec<_> = checks.iter().map(|check| format!("{}: {}", check.name, check.reading)).collect();
    assert_eq!(
        said,
        [
            "healthy targets: blue edge: 2 of 2 healthy; blue edge: 1 of 1 healthy",
            "alarms: 2 in OK",
            "requests: 1000 requests in green",
            "errors: 0.20 % of 1000 requests failed in green, 0.20 % in blue (most 0.70 %)",
            "latency: p99 210 ms in green, 200 ms in blue (most 400 ms)",
        ]
    );
    assert_eq!(verdict(&checks), Verdict::Pass);
}

#[test]
fn a_green_without_customers_is_not_judged_by_what_they_get() {
    let readings = Readings { green: Err("can't be read".to_owned()), blue: Err(String::new()), ..well() };
    let checks = judge(&readings, &LIMITS, Share::BLUE);
    let names: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["healthy targets", "alarms"]);
    assert_eq!(verdict(&checks), Verdict::Pass);
    assert_eq!(judge(&readings, &LIMITS, 1.try_into().unwrap()).len(), 5);
}

#[test]
fn where_there_are_no_load_balancers_no_targets_are_missed() {
    let checks = judge(&Readings { targets: Vec::new(), ..well() }, &LIMITS, Share::GREEN);
    assert!(checks.iter().all(|check| check.name != "healthy targets" && check.verdict == Verdict::Pass));
}

#[test]
fn targets_have_to_be_healthy_and_known_to_be() {
    let strict = LIMITS;
    let half = Limits { least_healthy_percent: 50, ..LIMITS };
    let none = Limits { least_healthy_percent: 0, ..LIMITS };
    for (limits, counts, verdict, said) in [
        (strict, (0, 0, 0, 0), Verdict::Fail, "blue edge: no targets: it is so"),
        (strict, (3, 0, 0, 0), Verdict::Pass, "blue edge: 3 of 3 healthy"),
        (
            strict,
            (0, 3, 0, 0),
            Verdict::Fail,
            "blue edge: 0 of 3 healthy, 3 unhealthy (at least 100 % healthy): it is so",
        ),
        (strict, (2, 1, 0, 0), Verdict::Fail, "2 of 3 healthy"),
        (strict, (2, 1, 9, 0), Verdict::Fail, "2 of 12 healthy, 1 unhealthy"),
        (strict, (0, 0, 2, 0), Verdict::Inconclusive, "0 of 2 healthy, 2 not known yet: it is so"),
        (strict, (0, 0, 0, 1), Verdict::Inconclusive, "0 of 1 healthy, 1 not known yet"),
        (strict, (2, 0, 1, 0), Verdict::Inconclusive, "2 of 3 healthy, 1 not known yet"),
        (half, (1, 1, 0, 0), Verdict::Pass, "1 of 2 healthy"),
        (half, (1, 2, 0, 0), Verdict::Fail, "1 of 3 healthy"),
        (half, (1, 0, 1, 0), Verdict::Pass, "1 of 2 healthy"),
        (half, (1, 1, 1, 0), Verdict::Inconclusive, "1 of 3 healthy, 1 not known yet"),
        (none, (0, 1, 0, 0), Verdict::Fail, "0 of 1 healthy"),
        (none, (1, 5, 0, 0), Verdict::Pass, "1 of 6 healthy"),
    ] {
        let (healthy, unhealthy, initial, unavailable) = counts;
        let group = targets(healthy, unhealthy, initial, unavailable);
        let found = found(&Readings { targets: vec![Ok(group)], ..well() }, &limits, "healthy targets");
        assert!(found.0 == verdict && found.1.contains(said), "{counts:?}: {found:?}");
    }
}

#[test]
fn one_bad_target_group_is_enough() {
    let bad = |group| {
        found(&Readings { targets: vec![Ok(targets(1, 0, 0, 0)), group], ..well() }, &LIMITS, "healthy targets")
    };
    assert_eq!(bad(Ok(targets(0, 1, 0, 0))).0, Verdict::Fail);
    let unreadable = bad(Err("green edge: can't be read".to_owned()));
    assert_eq!(unreadable.0, Verdict::Inconclusive);
    assert_eq!(unreadable.1, "blue edge: 1 of 1 healthy; green edge: can't be read");
    let both = vec![Err("green edge: can't be read".to_owned()), Ok(targets(0, 0, 0, 0))];
    assert_eq!(found(&Readings { targets: both, ..well() }, &LIMITS, "healthy targets").0, Verdict::Fail);
}

#[test]
fn alarms_that_go_off_fail_and_those_that_do_not_know_leave_it_open() {
    let of = |states: &[AlarmState]| {
        let alarms = states.iter().enumerate().map(|(number, state)| alarm(&format!("a{number}"), *state)).collect();
        found(&Readings { alarms: Ok(alarms), ..well() }, &LIMITS, "alarms")
    };
    assert_eq!(of(&[]), (Verdict::Pass, "there are none".to_owned()));
    assert_eq!(of(&[AlarmState::Ok]), (Verdict::Pass, "1 in OK".to_owned()));
    assert_eq!(
        of(&[AlarmState::InsufficientData, AlarmState::Alarm, AlarmState::Ok, AlarmState::Alarm]),
        (Verdict::Fail, "a1 is in ALARM: 2 of 2; a3 is in ALARM: 2 of 2".to_owned())
    );
    assert_eq!(
        of(&[AlarmState::Ok, AlarmState::InsufficientData, AlarmState::Missing]),
        (Verdict::Inconclusive, "a1 is in INSUFFICIENT_DATA: 2 of 2; a2 isn't there: 2 of 2".to_owned())
    );
    let unreadable = Readings { alarms: Err("can't be read: denied".to_owned()), ..well() };
    assert_eq!(found(&unreadable, &LIMITS, "alarms"), (Verdict::Inconclusive, "can't be read: denied".to_owned()));
}

#[test]
fn too_few_requests_leave_it_open() {
    let (verdict, said) = of_green(reading(12.0, 0.0, 100.0), "requests");
    assert_eq!((verdict, said.as_str()), (Verdict::Inconclusive, "12 requests of the 100 that it takes to judge"));
    assert_eq!(of_green(reading(12.0, 0.0, 100.0), "errors").0, Verdict::Inconclusive);
    assert_eq!(of_green(reading(12.0, 0.0, 100.0), "latency").0, Verdict::Inconclusive);
    // One slow request of few says nothing.
    assert_eq!(of_green(reading(12.0, 0.0, 30_000.0), "latency").0, Verdict::Inconclusive);
    assert_eq!(of_green(reading(99.0, 0.0, 100.0), "requests").0, Verdict::Inconclusive);
    assert_eq!(of_green(reading(100.0, 0.0, 100.0), "requests").0, Verdict::Pass);
    assert!(of_green(reading(1.0, 0.0, 100.0), "requests").1.starts_with("1 request of the 100"));
    assert!(of_green(reading(0.0, 0.0, None), "requests").1.starts_with("0 requests of the 100"));
}

#[test]
fn few_requests_are_enough_to_see_that_green_is_broken() {
    let (verdict, said) = of_green(reading(25.0, 10.0, 100.0), "errors");
    assert_eq!((verdict, said.as_str()), (Verdict::Fail, "40.0 % of 25 requests failed in green (most 1 %)"));
    // Ten times what may fail isn't more than that.
    assert_eq!(of_green(reading(20.0, 2.0, 100.0), "errors").0, Verdict::Inconclusive);
    assert_eq!(of_green(reading(20.0, 3.0, 100.0), "errors").0, Verdict::Fail);
    assert_eq!(of_green(reading(10.0, 10.0, 100.0), "errors").0, Verdict::Fail);
    assert_eq!(of_green(reading(9.0, 9.0, 100.0), "errors").0, Verdict::Inconclusive);
    let lenient = Limits { max_error_percent: 20.0, ..LIMITS };
    let of = |limits: &Limits, errors| {
        found(&Readings { green: Ok(reading(20.0, errors, 100.0)), ..well() }, limits, "errors").0
    };
    assert_eq!(of(&lenient, 9.0), Verdict::Inconclusive);
    assert_eq!(of(&lenient, 10.0), Verdict::Fail);
    let all_may_fail = Limits { max_error_percent: 100.0, ..LIMITS };
    assert_eq!(of(&all_may_fail, 20.0), Verdict::Inconclusive);
}

#[test]
fn errors_are_measured_by_the_limit_and_by_blue() {
    let none = reading(0.0, 0.0, None);
    assert_eq!(of_blue(none, reading(1000.0, 10.0, 100.0), "errors").0, Verdict::Pass);
    let (verdict, said) = of_blue(none, reading(1000.0, 11.0, 100.0), "errors");
    assert_eq!((verdict, said.as_str()), (Verdict::Fail, "1.10 % of 1000 requests failed in green (most 1 %)"));
    let clean = reading(1000.0, 0.0, 100.0);
    assert_eq!(of_blue(clean, reading(1000.0, 5.0, 100.0), "errors").0, Verdict::Pass);
    let (verdict, said) = of_blue(clean, reading(1000.0, 6.0, 100.0), "errors");
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(said, "0.60 % of 1000 requests failed in green, 0.00 % in blue (most 0.50 %)");
    // A blue with few requests is nothing to compare with.
    assert_eq!(of_blue(reading(99.0, 0.0, 100.0), reading(1000.0, 6.0, 100.0), "errors").0, Verdict::Pass);
    // A blue that is worse excuses nothing above the limit.
    assert_eq!(of_blue(reading(1000.0, 500.0, 100.0), reading(1000.0, 11.0, 100.0), "errors").0, Verdict::Fail);
}

#[test]
fn latency_is_measured_by_the_limit_and_by_blue() {
    let none = reading(0.0, 0.0, None);
    let green = |p99: f64| reading(1000.0, 0.0, p99);
    assert_eq!(of_blue(none, green(2000.0), "latency").0, Verdict::Pass);
    let (verdict, said) = of_blue(none, green(2001.0), "latency");
    assert_eq!((verdict, said.as_str()), (Verdict::Fail, "p99 2001 ms in green (most 2000 ms)"));
    assert_eq!(of_blue(green(200.0), green(400.0), "latency").0, Verdict::Pass);
    let (verdict, said) = of_blue(green(200.0), green(401.0), "latency");
    assert_eq!((verdict, said.as_str()), (Verdict::Fail, "p99 401 ms in green, 200 ms in blue (most 400 ms)"));
    assert_eq!(of_blue(reading(99.0, 0.0, 200.0), green(401.0), "latency").0, Verdict::Pass);
    assert_eq!(of_blue(reading(1000.0, 0.0, None), green(401.0), "latency").0, Verdict::Pass);
    assert_eq!(of_blue(green(5000.0), green(2001.0), "latency").0, Verdict::Fail);
}

#[test]
fn metrics_that_are_missing_or_make_no_sense_leave_it_open() {
    let missing = of_green(reading(1000.0, 0.0, None), "latency");
    assert_eq!(missing, (Verdict::Inconclusive, "no p99 is known of green".to_owned()));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
        let (verdict, said) = of_green(reading(bad, 0.0, 100.0), "requests");
        assert!(verdict == Verdict::Inconclusive && said.starts_with("the metrics make no sense: "), "{said}");
        let (verdict, said) = of_green(reading(1000.0, bad, 100.0), "errors");
        assert!(verdict == Verdict::Inconclusive && said.starts_with("the metrics make no sense: "), "{said}");
        assert_eq!(of_green(reading(1000.0, 0.0, bad), "latency").0, Verdict::Inconclusive);
        let fine = reading(1000.0, 0.0, 100.0);
        assert_eq!(of_blue(reading(bad, 0.0, 100.0), fine, "errors").0, Verdict::Inconclusive);
        assert_eq!(of_blue(reading(1000.0, bad, 100.0), fine, "errors").0, Verdict::Inconclusive);
        assert_eq!(of_blue(reading(1000.0, 0.0, bad), fine, "latency").0, Verdict::Inconclusive);
    }
    let (verdict, said) = of_green(reading(100.0, 101.0, 100.0), "errors");
    assert_eq!(verdict, Verdict::Inconclusive);
    assert_eq!(said, "the metrics make no sense: 101 failed of 100 requests");
    // Sums of floats.
    assert_eq!(of_green(reading(100.0, 100.0 + 1e-9, 100.0), "errors").0, Verdict::Fail);
}

#[test]
fn what_could_not_be_read_leaves_it_open_unless_the_rest_fails() {
    let unread = || Err("can't be read: denied".to_owned());
    let readings = Readings { green: unread(), ..well() };
    assert_eq!(verdict_of(&readings), Verdict::Inconclusive);
    assert_eq!(found(&readings, &LIMITS, "requests"), (Verdict::Inconclusive, "can't be read: denied".to_owned()));
    let readings = Readings { blue: unread(), ..well() };
    assert_eq!(verdict_of(&readings), Verdict::Inconclusive);
    assert!(found(&readings, &LIMITS, "errors").1.ends_with("; of blue: can't be read: denied"));
    let green = Ok(reading(1000.0, 11.0, f64::NAN));
    assert_eq!(verdict_of(&Readings { blue: unread(), green, ..well() }), Verdict::Fail);
    let alarms = Ok(vec![alarm("a", AlarmState::Alarm)]);
    assert_eq!(verdict_of(&Readings { alarms, green: unread(), ..well() }), Verdict::Fail);
}

#[test]
fn an_idle_green_passes_only_where_no_requests_are_asked_for() {
    let idle = Readings { blue: Ok(reading(0.0, 0.0, None)), green: Ok(reading(0.0, 0.0, None)), ..well() };
    assert_eq!(verdict_of(&idle), Verdict::Inconclusive);
    let none_asked = Limits { least_requests: 0, ..LIMITS };
    assert_eq!(verdict(&judge(&idle, &none_asked, Share::GREEN)), Verdict::Pass);
    // As soon as there is a request, all of it counts.
    for green in
        [reading(1.0, 1.0, 100.0), reading(1.0, 0.0, None), reading(0.0, 0.0, f64::NAN), reading(0.0, 1.0, None)]
    {
        let readings = Readings { green: Ok(green), ..idle.clone() };
        assert_ne!(verdict(&judge(&readings, &none_asked, Share::GREEN)), Verdict::Pass, "{green:?}");
    }
}

/// What is neither a count nor a time.
fn nonsense() -> impl Strategy<Value = f64> {
    let less_than_nothing = (0.0..f64::MAX).prop_map(|value| -value - f64::MIN_POSITIVE);
    prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), less_than_nothing]
}

/// Counts and times as they come, now and then what isn't one.
fn up_to(most: u32) -> impl Strategy<Value = f64> {
    prop_oneof![20 => (0..=most).prop_map(f64::from), 1 => prop::num::f64::ANY, 1 => nonsense()]
}

prop_compose! {
    fn any_reading()(
        requests in up_to(3000), errors in up_to(60), p99_ms in prop::option::weighted(0.9, up_to(2500)),
    ) -> Reading {
        Reading { requests, errors, p99_ms }
    }
}

prop_compose! {
    fn limits()(
        least_requests in prop_oneof![Just(0u64), 0u64..2000],
        max_error_percent in 0.0..=100.0,
        error_margin_percent in 0.0..=100.0,
        max_latency_ms in 0.0..=3000.0,
        latency_factor in 1.0..=3.0,
        latency_slack_ms in 0.0..=1000.0,
        least_healthy_percent in 0u8..=100,
    ) -> Limits {
        Limits {
            least_requests, max_error_percent, error_margin_percent, max_latency_ms, latency_factor,
            latency_slack_ms, least_healthy_percent,
        }
    }
}

/// Worse means: it never gets better by it.
const STATES: [&[AlarmState]; 3] =
    [&[AlarmState::Ok], &[AlarmState::InsufficientData, AlarmState::Missing], &[AlarmState::Alarm]];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_passes_that_is_not_within_its_limits(
        blue in any_reading(), green in any_reading(), limits in limits(), share in 1u8..=100,
    ) {
        let readings = Readings { blue: Ok(blue), green: Ok(green), ..well() };
        if verdict(&judge(&readings, &limits, share.try_into().unwrap())) == Verdict::Pass {
            for value in [green.requests, green.errors, green.p99_ms.unwrap_or(0.0), blue.requests, blue.errors] {
                prop_assert!(value.is_finite() && value >= 0.0);
            }
            prop_assert!(blue.p99_ms.is_none_or(|p99| p99.is_finite() && p99 >= 0.0));
            prop_assert!(green.requests >= limits.least_requests as f64);
            prop_assert!(green.errors * 100.0 <= green.requests * limits.max_error_percent * (1.0 + 1e-6));
            prop_assert!(green.p99_ms.map_or(green.requests == 0.0, |p99| p99 <= limits.max_latency_ms));
        }
    }

    #[test]
    fn no_value_that_cannot_be_passes(
        nonsense in nonsense(), field in 0usize..6, limits in limits(), share in 1u8..=100,
    ) {
        let (mut blue, mut green) = (reading(1000.0, 2.0, 200.0), reading(1000.0, 2.0, 210.0));
        let reading = if field < 3 { &mut blue } else { &mut green };
        match field % 3 {
            0 => reading.requests = nonsense,
            1 => reading.errors = nonsense,
            _ => reading.p99_ms = Some(nonsense),
        }
        let readings = Readings { blue: Ok(blue), green: Ok(green), ..well() };
        prop_assert_ne!(verdict(&judge(&readings, &limits, share.try_into().unwrap())), Verdict::Pass);
    }

    #[test]
    fn more_errors_are_never_better(
        blue in any_reading(), limits in limits(), requests in 1u32..3000, errors in (0.0..=1.0f64, 0.0..=1.0f64),
    ) {
        let requests = f64::from(requests);
        let of = |errors: f64| {
            let green = Ok(reading(requests, (errors * requests).floor(), 100.0));
            verdict(&judge(&Readings { blue: Ok(blue), green, ..well() }, &limits, Share::GREEN))
        };
        let (fewer, more) = (errors.0.min(errors.1), errors.0.max(errors.1));
        prop_assert!(of(fewer) <= of(more));
    }

    #[test]
    fn slower_is_never_better(
        blue in any_reading(), limits in limits(), requests in 0u32..3000, p99 in (0.0..5000.0, 0.0..5000.0),
    ) {
        let of = |p99: f64| {
            let green = Ok(reading(f64::from(requests), 0.0, p99));
            verdict(&judge(&Readings { blue: Ok(blue), green, ..well() }, &limits, Share::GREEN))
        };
        prop_assert!(of(f64::min(p99.0, p99.1)) <= of(f64::max(p99.0, p99.1)));
    }

    #[test]
    fn a_worse_alarm_is_never_better(
        others in prop::collection::vec((0usize..3, any::<bool>()), 0..4),
        ranks in (0usize..3, 0usize..3),
        other in any::<bool>(),
    ) {
        let (one, worse) = (ranks.0.min(ranks.1), ranks.0.max(ranks.1));
        let state = |rank: usize, other: bool| *STATES[rank].get(usize::from(other)).unwrap_or(&STATES[rank][0]);
        let of = |rank: usize| {
            let others = others.iter().map(|(rank, other)| alarm("other", state(*rank, *other)));
            let mut alarms: Vec<_> = others.collect();
            alarms.push(alarm("one", state(rank, other)));
            verdict_of(&Readings { alarms: Ok(alarms), ..well() })
        };
        prop_assert!(of(one) <= of(worse));
    }

    #[test]
    fn a_target_that_falls_ill_is_never_better(
        healthy in 1u32..20,
        unhealthy in 0u32..20,
        initial in 0u32..20,
        unavailable in 0u32..20,
        limits in limits(),
    ) {
        let readings = |group: Targets| Readings { targets: vec![Ok(group)], ..well() };
        let of = |group: Targets| found(&readings(group), &limits, "healthy targets").0;
        let before = of(targets(healthy, unhealthy, initial, unavailable));
        prop_assert!(before <= of(targets(healthy - 1, unhealthy + 1, initial, unavailable)));
        prop_assert!(before <= of(targets(healthy - 1, unhealthy, initial + 1, unavailable)));
    }
}
