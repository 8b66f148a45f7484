use proptest::prelude::*;

use super::super::check::worst_verdict;
use super::*;

/// Typical limits.
pub const LIMITS: Limits = Limits {
    least_requests: 100,
    max_error_percent: 1.0,
    error_margin_percent: 0.5,
    max_latency_ms: 2000.0,
    latency_factor: 1.5,
    latency_slack_ms: 100.0,
    least_healthy_percent: 100,
};

fn metrics(requests: f64, errors: f64, p99_ms: impl Into<Option<f64>>) -> RequestMetrics {
    RequestMetrics { requests, errors, p99_ms: p99_ms.into() }
}

fn targets(healthy: u32, unhealthy: u32, initial: u32, unavailable: u32) -> TargetCounts {
    let group = "blue edge".to_owned();
    TargetCounts { group, healthy, unhealthy, initial, unavailable, reason: Some("a reason".to_owned()) }
}

fn alarm(name: &str, state: AlarmState) -> AlarmReading {
    AlarmReading { name: name.to_owned(), state, reason: Some("2 of 2".to_owned()) }
}

/// Readings of a healthy green.
fn healthy_readings() -> Readings {
    Readings {
        targets: vec![Ok(targets(2, 0, 0, 0)), Ok(targets(1, 0, 0, 0))],
        alarms: Ok(vec![alarm("errors", AlarmState::Ok), alarm("all", AlarmState::Ok)]),
        blue: Ok(metrics(1000.0, 2.0, 200.0)),
        green: Ok(metrics(1000.0, 2.0, 210.0)),
    }
}

fn found(readings: &Readings, limits: &Limits, name: &str) -> (Verdict, String) {
    let check = evaluate(readings, limits, Share::GREEN).into_iter().find(|check| check.name == name).unwrap();
    (check.verdict, check.reading)
}

fn verdict_of(readings: &Readings) -> Verdict {
    worst_verdict(&evaluate(readings, &LIMITS, Share::GREEN))
}

fn of_green(green: RequestMetrics, name: &str) -> (Verdict, String) {
    found(&Readings { green: Ok(green), ..healthy_readings() }, &LIMITS, name)
}

fn of_blue(blue: RequestMetrics, green: RequestMetrics, name: &str) -> (Verdict, String) {
    found(&Readings { blue: Ok(blue), green: Ok(green), ..healthy_readings() }, &LIMITS, name)
}

#[test]
fn healthy_green_passes_all_checks() {
    let checks = evaluate(&healthy_readings(), &LIMITS, Share::GREEN);
    let texts: Vec<_> = checks.iter().map(|check| format!("{}: {}", check.name, check.reading)).collect();
    assert_eq!(
        texts,
        [
            "healthy targets: blue edge: 2 of 2 healthy; blue edge: 1 of 1 healthy",
            "alarms: 2 OK",
            "requests: 1000 requests in green",
            "errors: 0.20 % of 1000 requests failed in green, 0.20 % in blue (max 0.70 %)",
            "latency: p99 210 ms in green, 200 ms in blue (max 400 ms)",
        ]
    );
    assert_eq!(worst_verdict(&checks), Verdict::Pass);
}

#[test]
fn green_without_customers_is_judged_by_targets_and_alarms() {
    let readings = Readings { green: Err("can't be read".to_owned()), blue: Err(String::new()), ..healthy_readings() };
    let checks = evaluate(&readings, &LIMITS, Share::BLUE);
    let names: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["healthy targets", "alarms"]);
    assert_eq!(worst_verdict(&checks), Verdict::Pass);
    assert_eq!(evaluate(&readings, &LIMITS, 1.try_into().unwrap()).len(), 5);
}

#[test]
fn targets_are_not_checked_without_load_balancers() {
    let checks = evaluate(&Readings { targets: Vec::new(), ..healthy_readings() }, &LIMITS, Share::GREEN);
    assert!(checks.iter().all(|check| check.name != "healthy targets" && check.verdict == Verdict::Pass));
}

#[test]
fn targets_need_known_health() {
    let strict = LIMITS;
    let half = Limits { least_healthy_percent: 50, ..LIMITS };
    let none = Limits { least_healthy_percent: 0, ..LIMITS };
    for (limits, counts, verdict, text) in [
        (strict, (0, 0, 0, 0), Verdict::Fail, "blue edge: no targets: a reason"),
        (strict, (3, 0, 0, 0), Verdict::Pass, "blue edge: 3 of 3 healthy"),
        (strict, (0, 3, 0, 0), Verdict::Fail, "blue edge: 0 of 3 healthy, 3 unhealthy (min 100 % healthy): a reason"),
        (strict, (2, 1, 0, 0), Verdict::Fail, "2 of 3 healthy"),
        (strict, (2, 1, 9, 0), Verdict::Fail, "2 of 12 healthy, 1 unhealthy"),
        (strict, (0, 0, 2, 0), Verdict::Inconclusive, "0 of 2 healthy, 2 unknown: a reason"),
        (strict, (0, 0, 0, 1), Verdict::Inconclusive, "0 of 1 healthy, 1 unknown"),
        (strict, (2, 0, 1, 0), Verdict::Inconclusive, "2 of 3 healthy, 1 unknown"),
        (half, (1, 1, 0, 0), Verdict::Pass, "1 of 2 healthy"),
        (half, (1, 2, 0, 0), Verdict::Fail, "1 of 3 healthy"),
        (half, (1, 0, 1, 0), Verdict::Pass, "1 of 2 healthy"),
        (half, (1, 1, 1, 0), Verdict::Inconclusive, "1 of 3 healthy, 1 unknown"),
        (none, (0, 1, 0, 0), Verdict::Fail, "0 of 1 healthy"),
        (none, (1, 5, 0, 0), Verdict::Pass, "1 of 6 healthy"),
    ] {
        let (healthy, unhealthy, initial, unavailable) = counts;
        let group = targets(healthy, unhealthy, initial, unavailable);
        let found = found(&Readings { targets: vec![Ok(group)], ..healthy_readings() }, &limits, "healthy targets");
        assert!(found.0 == verdict && found.1.contains(text), "{counts:?}: {found:?}");
    }
}

#[test]
fn one_unhealthy_target_group_fails() {
    let bad = |group| {
        found(
            &Readings { targets: vec![Ok(targets(1, 0, 0, 0)), group], ..healthy_readings() },
            &LIMITS,
            "healthy targets",
        )
    };
    assert_eq!(bad(Ok(targets(0, 1, 0, 0))).0, Verdict::Fail);
    let unreadable = bad(Err("green edge: can't be read".to_owned()));
    assert_eq!(unreadable.0, Verdict::Inconclusive);
    assert_eq!(unreadable.1, "blue edge: 1 of 1 healthy; green edge: can't be read");
    let both = vec![Err("green edge: can't be read".to_owned()), Ok(targets(0, 0, 0, 0))];
    assert_eq!(found(&Readings { targets: both, ..healthy_readings() }, &LIMITS, "healthy targets").0, Verdict::Fail);
}

#[test]
fn alarms_fail_in_alarm_and_are_inconclusive_without_data() {
    let of = |states: &[AlarmState]| {
        let alarms = states.iter().enumerate().map(|(number, state)| alarm(&format!("a{number}"), *state)).collect();
        found(&Readings { alarms: Ok(alarms), ..healthy_readings() }, &LIMITS, "alarms")
    };
    assert_eq!(of(&[]), (Verdict::Pass, "none defined".to_owned()));
    assert_eq!(of(&[AlarmState::Ok]), (Verdict::Pass, "1 OK".to_owned()));
    assert_eq!(
        of(&[AlarmState::InsufficientData, AlarmState::Alarm, AlarmState::Ok, AlarmState::Alarm]),
        (Verdict::Fail, "a1 is in ALARM: 2 of 2; a3 is in ALARM: 2 of 2".to_owned())
    );
    assert_eq!(
        of(&[AlarmState::Ok, AlarmState::InsufficientData, AlarmState::Missing]),
        (Verdict::Inconclusive, "a1 is in INSUFFICIENT_DATA: 2 of 2; a2 doesn't exist: 2 of 2".to_owned())
    );
    let unreadable = Readings { alarms: Err("can't be read: denied".to_owned()), ..healthy_readings() };
    assert_eq!(found(&unreadable, &LIMITS, "alarms"), (Verdict::Inconclusive, "can't be read: denied".to_owned()));
}

#[test]
fn too_few_requests_are_inconclusive() {
    let (verdict, text) = of_green(metrics(12.0, 0.0, 100.0), "requests");
    assert_eq!((verdict, text.as_str()), (Verdict::Inconclusive, "12 requests in green (min 100)"));
    assert_eq!(of_green(metrics(12.0, 0.0, 100.0), "errors").0, Verdict::Inconclusive);
    assert_eq!(of_green(metrics(12.0, 0.0, 100.0), "latency").0, Verdict::Inconclusive);
    assert_eq!(of_green(metrics(12.0, 0.0, 30_000.0), "latency").0, Verdict::Inconclusive);
    assert_eq!(of_green(metrics(99.0, 0.0, 100.0), "requests").0, Verdict::Inconclusive);
    assert_eq!(of_green(metrics(100.0, 0.0, 100.0), "requests").0, Verdict::Pass);
    assert!(of_green(metrics(1.0, 0.0, 100.0), "requests").1.starts_with("1 request in green (min 100)"));
    assert!(of_green(metrics(0.0, 0.0, None), "requests").1.starts_with("0 requests in green (min 100)"));
}

#[test]
fn few_requests_suffice_to_fail_a_broken_green() {
    let (verdict, text) = of_green(metrics(25.0, 10.0, 100.0), "errors");
    assert_eq!((verdict, text.as_str()), (Verdict::Fail, "40.0 % of 25 requests failed in green (max 1 %)"));
    // Exactly ten times the limit isn't clearly broken.
    assert_eq!(of_green(metrics(20.0, 2.0, 100.0), "errors").0, Verdict::Inconclusive);
    assert_eq!(of_green(metrics(20.0, 3.0, 100.0), "errors").0, Verdict::Fail);
    assert_eq!(of_green(metrics(10.0, 10.0, 100.0), "errors").0, Verdict::Fail);
    assert_eq!(of_green(metrics(9.0, 9.0, 100.0), "errors").0, Verdict::Inconclusive);
    let lenient = Limits { max_error_percent: 20.0, ..LIMITS };
    let of = |limits: &Limits, errors| {
        found(&Readings { green: Ok(metrics(20.0, errors, 100.0)), ..healthy_readings() }, limits, "errors").0
    };
    assert_eq!(of(&lenient, 9.0), Verdict::Inconclusive);
    assert_eq!(of(&lenient, 10.0), Verdict::Fail);
    let all_failures_allowed = Limits { max_error_percent: 100.0, ..LIMITS };
    assert_eq!(of(&all_failures_allowed, 20.0), Verdict::Inconclusive);
}

#[test]
fn errors_are_compared_with_limit_and_blue() {
    let none = metrics(0.0, 0.0, None);
    assert_eq!(of_blue(none, metrics(1000.0, 10.0, 100.0), "errors").0, Verdict::Pass);
    let (verdict, text) = of_blue(none, metrics(1000.0, 11.0, 100.0), "errors");
    assert_eq!((verdict, text.as_str()), (Verdict::Fail, "1.10 % of 1000 requests failed in green (max 1 %)"));
    let clean = metrics(1000.0, 0.0, 100.0);
    assert_eq!(of_blue(clean, metrics(1000.0, 5.0, 100.0), "errors").0, Verdict::Pass);
    let (verdict, text) = of_blue(clean, metrics(1000.0, 6.0, 100.0), "errors");
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(text, "0.60 % of 1000 requests failed in green, 0.00 % in blue (max 0.50 %)");
    // Blue has too few requests to compare with.
    assert_eq!(of_blue(metrics(99.0, 0.0, 100.0), metrics(1000.0, 6.0, 100.0), "errors").0, Verdict::Pass);
    // A worse blue doesn't lift the limit.
    assert_eq!(of_blue(metrics(1000.0, 500.0, 100.0), metrics(1000.0, 11.0, 100.0), "errors").0, Verdict::Fail);
}

#[test]
fn latency_is_compared_with_limit_and_blue() {
    let none = metrics(0.0, 0.0, None);
    let green = |p99: f64| metrics(1000.0, 0.0, p99);
    assert_eq!(of_blue(none, green(2000.0), "latency").0, Verdict::Pass);
    let (verdict, text) = of_blue(none, green(2001.0), "latency");
    assert_eq!((verdict, text.as_str()), (Verdict::Fail, "p99 2001 ms in green (max 2000 ms)"));
    assert_eq!(of_blue(green(200.0), green(400.0), "latency").0, Verdict::Pass);
    let (verdict, text) = of_blue(green(200.0), green(401.0), "latency");
    assert_eq!((verdict, text.as_str()), (Verdict::Fail, "p99 401 ms in green, 200 ms in blue (max 400 ms)"));
    assert_eq!(of_blue(metrics(99.0, 0.0, 200.0), green(401.0), "latency").0, Verdict::Pass);
    assert_eq!(of_blue(metrics(1000.0, 0.0, None), green(401.0), "latency").0, Verdict::Pass);
    assert_eq!(of_blue(green(5000.0), green(2001.0), "latency").0, Verdict::Fail);
}

#[test]
fn missing_and_invalid_metrics_are_inconclusive() {
    let missing = of_green(metrics(1000.0, 0.0, None), "latency");
    assert_eq!(missing, (Verdict::Inconclusive, "no p99 for green".to_owned()));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
        let (verdict, text) = of_green(metrics(bad, 0.0, 100.0), "requests");
        assert!(verdict == Verdict::Inconclusive && text.starts_with("invalid metrics: "), "{text}");
        let (verdict, text) = of_green(metrics(1000.0, bad, 100.0), "errors");
        assert!(verdict == Verdict::Inconclusive && text.starts_with("invalid metrics: "), "{text}");
        assert_eq!(of_green(metrics(1000.0, 0.0, bad), "latency").0, Verdict::Inconclusive);
        let fine = metrics(1000.0, 0.0, 100.0);
        assert_eq!(of_blue(metrics(bad, 0.0, 100.0), fine, "errors").0, Verdict::Inconclusive);
        assert_eq!(of_blue(metrics(1000.0, bad, 100.0), fine, "errors").0, Verdict::Inconclusive);
        assert_eq!(of_blue(metrics(1000.0, 0.0, bad), fine, "latency").0, Verdict::Inconclusive);
    }
    let (verdict, text) = of_green(metrics(100.0, 101.0, 100.0), "errors");
    assert_eq!(verdict, Verdict::Inconclusive);
    assert_eq!(text, "invalid metrics: 101 failed of 100 requests");
    // The rounding error of summed counts is tolerated.
    assert_eq!(of_green(metrics(100.0, 100.0 + 1e-9, 100.0), "errors").0, Verdict::Fail);
}

#[test]
fn unreadable_metrics_are_inconclusive_unless_others_fail() {
    let unreadable = || Err("can't be read: denied".to_owned());
    let readings = Readings { green: unreadable(), ..healthy_readings() };
    assert_eq!(verdict_of(&readings), Verdict::Inconclusive);
    assert_eq!(found(&readings, &LIMITS, "requests"), (Verdict::Inconclusive, "can't be read: denied".to_owned()));
    let readings = Readings { blue: unreadable(), ..healthy_readings() };
    assert_eq!(verdict_of(&readings), Verdict::Inconclusive);
    assert!(found(&readings, &LIMITS, "errors").1.ends_with("; blue: can't be read: denied"));
    let green = Ok(metrics(1000.0, 11.0, f64::NAN));
    assert_eq!(verdict_of(&Readings { blue: unreadable(), green, ..healthy_readings() }), Verdict::Fail);
    let alarms = Ok(vec![alarm("a", AlarmState::Alarm)]);
    assert_eq!(verdict_of(&Readings { alarms, green: unreadable(), ..healthy_readings() }), Verdict::Fail);
}

#[test]
fn idle_green_passes_only_without_least_requests() {
    let idle = Readings { blue: Ok(metrics(0.0, 0.0, None)), green: Ok(metrics(0.0, 0.0, None)), ..healthy_readings() };
    assert_eq!(verdict_of(&idle), Verdict::Inconclusive);
    let no_minimum = Limits { least_requests: 0, ..LIMITS };
    assert_eq!(worst_verdict(&evaluate(&idle, &no_minimum, Share::GREEN)), Verdict::Pass);
    // With the first request, all limits apply.
    for green in
        [metrics(1.0, 1.0, 100.0), metrics(1.0, 0.0, None), metrics(0.0, 0.0, f64::NAN), metrics(0.0, 1.0, None)]
    {
        let readings = Readings { green: Ok(green), ..idle.clone() };
        assert_ne!(worst_verdict(&evaluate(&readings, &no_minimum, Share::GREEN)), Verdict::Pass, "{green:?}");
    }
}

/// Values that are neither a count nor a time.
fn invalid_value() -> impl Strategy<Value = f64> {
    let negative = (0.0..f64::MAX).prop_map(|value| -value - f64::MIN_POSITIVE);
    prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), negative]
}

/// Mostly valid counts and times, sometimes invalid values.
fn up_to(max: u32) -> impl Strategy<Value = f64> {
    prop_oneof![20 => (0..=max).prop_map(f64::from), 1 => prop::num::f64::ANY, 1 => invalid_value()]
}

prop_compose! {
    fn any_metrics()(
        requests in up_to(3000), errors in up_to(60), p99_ms in prop::option::weighted(0.9, up_to(2500)),
    ) -> RequestMetrics {
        RequestMetrics { requests, errors, p99_ms }
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

/// Alarm states from best to worst verdict.
const STATES: [&[AlarmState]; 3] =
    [&[AlarmState::Ok], &[AlarmState::InsufficientData, AlarmState::Missing], &[AlarmState::Alarm]];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn pass_means_all_values_within_limits(
        blue in any_metrics(), green in any_metrics(), limits in limits(), share in 1u8..=100,
    ) {
        let readings = Readings { blue: Ok(blue), green: Ok(green), ..healthy_readings() };
        if worst_verdict(&evaluate(&readings, &limits, share.try_into().unwrap())) == Verdict::Pass {
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
    fn invalid_values_never_pass(
        value in invalid_value(), field in 0usize..6, limits in limits(), share in 1u8..=100,
    ) {
        let (mut blue, mut green) = (metrics(1000.0, 2.0, 200.0), metrics(1000.0, 2.0, 210.0));
        let changed = if field < 3 { &mut blue } else { &mut green };
        match field % 3 {
            0 => changed.requests = value,
            1 => changed.errors = value,
            _ => changed.p99_ms = Some(value),
        }
        let readings = Readings { blue: Ok(blue), green: Ok(green), ..healthy_readings() };
        prop_assert_ne!(worst_verdict(&evaluate(&readings, &limits, share.try_into().unwrap())), Verdict::Pass);
    }

    #[test]
    fn more_errors_never_improve_the_verdict(
        blue in any_metrics(), limits in limits(), requests in 1u32..3000, errors in (0.0..=1.0f64, 0.0..=1.0f64),
    ) {
        let requests = f64::from(requests);
        let of = |errors: f64| {
            let green = Ok(metrics(requests, (errors * requests).floor(), 100.0));
            worst_verdict(&evaluate(&Readings { blue: Ok(blue), green, ..healthy_readings() }, &limits, Share::GREEN))
        };
        let (fewer, more) = (errors.0.min(errors.1), errors.0.max(errors.1));
        prop_assert!(of(fewer) <= of(more));
    }

    #[test]
    fn higher_latency_never_improves_the_verdict(
        blue in any_metrics(), limits in limits(), requests in 0u32..3000, p99 in (0.0..5000.0, 0.0..5000.0),
    ) {
        let of = |p99: f64| {
            let green = Ok(metrics(f64::from(requests), 0.0, p99));
            worst_verdict(&evaluate(&Readings { blue: Ok(blue), green, ..healthy_readings() }, &limits, Share::GREEN))
        };
        prop_assert!(of(f64::min(p99.0, p99.1)) <= of(f64::max(p99.0, p99.1)));
    }

    #[test]
    fn worse_alarm_never_improves_the_verdict(
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
            verdict_of(&Readings { alarms: Ok(alarms), ..healthy_readings() })
        };
        prop_assert!(of(one) <= of(worse));
    }

    #[test]
    fn unhealthy_target_never_improves_the_verdict(
        healthy in 1u32..20,
        unhealthy in 0u32..20,
        initial in 0u32..20,
        unavailable in 0u32..20,
        limits in limits(),
    ) {
        let readings = |group: TargetCounts| Readings { targets: vec![Ok(group)], ..healthy_readings() };
        let of = |group: TargetCounts| found(&readings(group), &limits, "healthy targets").0;
        let before = of(targets(healthy, unhealthy, initial, unavailable));
        prop_assert!(before <= of(targets(healthy - 1, unhealthy + 1, initial, unavailable)));
        prop_assert!(before <= of(targets(healthy - 1, unhealthy, initial + 1, unavailable)));
    }
}
