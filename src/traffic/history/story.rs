//! What a history tells: which shift isn't over, which weights it has seen last, since when green serves.

use jiff::Timestamp;

use super::{By, Entry};
use crate::traffic::event::{Lever, OnFail, Outcome, TrafficEvent, Weight};
use crate::traffic::gates::Limits;
use crate::traffic::share::{Share, Steps};

/// A shift that was begun and isn't over: it runs, or was left where it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// Tells shifts apart.
    pub shift: String,
    /// All its shares of green, one after the other.
    pub steps: Steps,
    /// How long each is held and watched.
    pub hold_seconds: f64,
    /// What a failed gate leads to.
    pub on_fail: OnFail,
    /// The share before it.
    pub from: Share,
    /// The share of the step that it was in; `from` if it hadn't begun with any.
    pub at: Share,
    /// The last step that was held for its time.
    pub done: Option<Share>,
    /// It was on its way back: a gate had failed, or it was called off.
    pub going_back: bool,
    /// Somebody else has changed the weights in the middle of it.
    pub overruled: bool,
    /// How long it stays where nothing can be said of green.
    pub patience_seconds: Option<f64>,
    /// What green is measured by.
    pub limits: Option<Limits>,
    /// When it was begun, also if it went on since.
    pub started: Timestamp,
    /// Who began it, or went on with it last.
    pub by: By,
    /// Why, in the words of whoever began it.
    pub why: Option<String>,
    /// How it was left, and why; `None` if it runs still, or its process died.
    pub ended: Option<(Outcome, Option<String>)>,
}

/// The shift that isn't over. Only the last one can be: a new one takes the place of the one before.
pub fn unfinished(entries: &[Entry]) -> Option<Unfinished> {
    let mut shift: Option<Unfinished> = None;
    // Until it goes back, what is written is a step.
    let mut forward = true;
    for entry in entries {
        match &entry.what {
            TrafficEvent::ShiftStarted { .. } => {
                shift = begun(entry, shift.take());
                forward = true;
            }
            TrafficEvent::FailedBack { .. } => shift = None,
            TrafficEvent::ShiftEnded { outcome, .. } if is_over(*outcome) => shift = None,
            TrafficEvent::RollingBack { .. } | TrafficEvent::FailbackStarted => {
                forward = false;
                shift.iter_mut().for_each(|shift| shift.going_back = true);
            }
            what => {
                if let Some(shift) = &mut shift {
                    match what {
                        TrafficEvent::ExternalChange { .. } => shift.overruled = true,
                        TrafficEvent::Writing { to, .. } if forward => shift.at = *to,
                        TrafficEvent::StepDone { green } => shift.done = Some(*green),
                        TrafficEvent::ShiftEnded { outcome, because, .. } => {
                            shift.ended = Some((*outcome, because.clone()))
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    shift
}

/// The shift that begins or goes on with this entry.
fn begun(entry: &Entry, before: Option<Unfinished>) -> Option<Unfinished> {
    let TrafficEvent::ShiftStarted { shift, steps, hold_seconds, on_fail, patience_seconds, limits, from, resumed } =
        &entry.what
    else {
        return before;
    };
    let before = before.filter(|before| *resumed && before.shift == *shift);
    Some(Unfinished {
        shift: shift.clone(),
        steps: steps.clone(),
        hold_seconds: *hold_seconds,
        on_fail: *on_fail,
        from: *from,
        at: before.as_ref().map_or(*from, |before| before.at),
        done: before.as_ref().and_then(|before| before.done),
        going_back: false,
        overruled: false,
        patience_seconds: *patience_seconds,
        limits: *limits,
        by: entry.by.clone(),
        why: entry.why.clone(),
        started: before.map_or(entry.at, |before| before.started),
        ended: None,
    })
}

/// True if nothing is left to go on with.
fn is_over(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Completed | Outcome::Refused | Outcome::RolledBack | Outcome::FailedBack | Outcome::Aborted => true,
        Outcome::Held | Outcome::Interrupted | Outcome::Failed => false,
    }
}

/// What weights a lever should have, by the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Those of this share of green: they were written, and read back.
    Share(Share),
    /// A write that nobody saw the end of: each weight may be as it was, or as it should have become.
    Either {
        /// The weights before it. Of a lever there may be several, where it wasn't known before either.
        from: Vec<Weight>,
        /// The share of green that was being written.
        to: Share,
    },
    /// Those that were seen when somebody else had changed them.
    Weights(Vec<Weight>),
}

/// The weights that a history has seen last; `None` for a lever of which it tells nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastSeen {
    /// Of the weighted rules of all edges.
    pub listeners: Option<Expected>,
    /// Of the weighted records.
    pub dns: Option<Expected>,
}

impl LastSeen {
    /// The weights that these levers had when they were last seen.
    pub fn weights_of(&self, levers: &[Weight]) -> Vec<Weight> {
        let before = |weight: &Weight| {
            let expected = if lever_of(weight) == Lever::Listeners { &self.listeners } else { &self.dns };
            match expected.as_ref()? {
                Expected::Share(share) => Some(Weight::new(&weight.lever, share.split())),
                Expected::Either { from: weights, .. } | Expected::Weights(weights) => {
                    weights.iter().find(|before| before.lever == weight.lever).cloned()
                }
            }
        };
        levers.iter().filter_map(before).collect()
    }

    fn of(&mut self, lever: Lever) -> &mut Option<Expected> {
        match lever {
            Lever::Listeners => &mut self.listeners,
            Lever::Dns => &mut self.dns,
        }
    }
}

/// The weights that the history has seen last.
pub fn last_seen(entries: &[Entry]) -> LastSeen {
    let mut seen = LastSeen::default();
    // The weights that were named last tell the names of the levers.
    let (mut rules, mut records) = (Vec::new(), Vec::new());
    for entry in entries {
        match &entry.what {
            TrafficEvent::Writing { lever, from, to } => {
                *seen.of(*lever) = Some(Expected::Either { from: from.clone(), to: *to });
                *(if *lever == Lever::Listeners { &mut rules } else { &mut records }) = from.clone();
            }
            TrafficEvent::Written { lever, to, .. } => *seen.of(*lever) = Some(Expected::Share(*to)),
            TrafficEvent::FailbackStarted => {
                seen.listeners = seen.listeners.map(|before| or_blue(before, &rules));
                seen.dns = seen.dns.map(|before| or_blue(before, &records));
            }
            TrafficEvent::FailedBack { dns_left, .. } => {
                let blue = Some(Expected::Share(Share::BLUE));
                let dns = if dns_left.is_some() { seen.dns } else { blue.clone() };
                seen = LastSeen { listeners: blue, dns };
            }
            TrafficEvent::ExternalChange { to, .. } => {
                for (lever, names) in [(Lever::Listeners, &mut rules), (Lever::Dns, &mut records)] {
                    let weights: Vec<_> = to.iter().filter(|weight| lever_of(weight) == lever).cloned().collect();
                    if !weights.is_empty() {
                        names.clone_from(&weights);
                        *seen.of(lever) = Some(Expected::Weights(weights));
                    }
                }
            }
            _ => {}
        }
    }
    seen
}

/// While a failback is under way: what it was before, or blue. `named` has a weight of each lever.
fn or_blue(before: Expected, named: &[Weight]) -> Expected {
    let given = |share: Share| named.iter().map(move |weight| Weight::new(weight.lever.clone(), share.split()));
    let from = match before {
        Expected::Weights(weights) => weights,
        Expected::Share(share) => given(share).collect(),
        Expected::Either { mut from, to } => {
            from.extend(given(to));
            from
        }
    };
    Expected::Either { from, to: Share::BLUE }
}

/// What a weight is of: rules have names such as `blue edge`, and no domain name has a space in it.
pub fn lever_of(weight: &Weight) -> Lever {
    if weight.lever.contains(' ') { Lever::Listeners } else { Lever::Dns }
}

/// Since when green has served customers without a break; `None` if it serves none. The listeners decide; where there are
/// none, DNS does.
pub fn green_since(entries: &[Entry]) -> Option<Timestamp> {
    let of_edges = |entry: &Entry| match &entry.what {
        TrafficEvent::Writing { lever, .. } => *lever == Lever::Listeners,
        TrafficEvent::ExternalChange { to, .. } => to.iter().any(|weight| lever_of(weight) == Lever::Listeners),
        _ => false,
    };
    let deciding = if entries.iter().any(of_edges) { Lever::Listeners } else { Lever::Dns };
    let mut since = None;
    for entry in entries {
        let serves = match &entry.what {
            // From the write on it may.
            TrafficEvent::Writing { lever, to, .. } if *lever == deciding && *to > Share::BLUE => true,
            // It does until the write was read back.
            TrafficEvent::Written { lever, to, .. } if *lever == deciding => *to > Share::BLUE,
            TrafficEvent::FailedBack { .. } => false,
            // As AWS had it then: a write that it refused gave green nothing.
            TrafficEvent::ShiftEnded { green: Some(green), .. } => *green > Share::BLUE,
            TrafficEvent::ExternalChange { to, .. } => {
                let mut weights = to.iter().filter(|weight| lever_of(weight) == deciding).peekable();
                if weights.peek().is_none() {
                    continue;
                }
                weights.any(|weight| weight.split.green > 0)
            }
            _ => continue,
        };
        since = serves.then(|| since.unwrap_or(entry.at));
    }
    since
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::event::Verdict;
    use crate::traffic::share::Split;

    /// Entries of these happenings, a second after each other: the first at second 1.
    fn told(happenings: &[TrafficEvent]) -> Vec<Entry> {
        let entry = |(number, what): (u64, &TrafficEvent)| Entry {
            number,
            at: second(number),
            by: By::this_process("provisioner shift", None),
            why: None,
            what: what.clone(),
            before: String::new(),
            hash: String::new(),
        };
        (1..).zip(happenings).map(entry).collect()
    }

    fn second(number: u64) -> Timestamp {
        Timestamp::from_second(number.try_into().unwrap()).unwrap()
    }

    fn share(percent: u8) -> Share {
        Share::try_from(percent).unwrap()
    }

    fn weights(lever: Lever, green: u8) -> Vec<Weight> {
        let names: &[&str] = match lever {
            Lever::Listeners => &["blue edge", "green edge"],
            Lever::Dns => &["live.example.com"],
        };
        let split = share(green).split();
        names.iter().map(|name| Weight::new((*name).to_owned(), split)).collect()
    }

    fn started(shift: &str, from: u8, resumed: bool) -> TrafficEvent {
        let steps = "10,50,100".parse().unwrap();
        let (shift, from) = (shift.to_owned(), share(from));
        TrafficEvent::ShiftStarted {
            shift,
            steps,
            hold_seconds: 3.0,
            on_fail: OnFail::Rollback,
            patience_seconds: None,
            limits: None,
            from,
            resumed,
        }
    }

    fn writing(lever: Lever, from: u8, to: u8) -> TrafficEvent {
        TrafficEvent::Writing { lever, from: weights(lever, from), to: share(to) }
    }

    fn written(lever: Lever, to: u8) -> TrafficEvent {
        TrafficEvent::Written { lever, to: share(to), request_ids: Vec::new() }
    }

    fn done(green: u8) -> TrafficEvent {
        TrafficEvent::StepDone { green: share(green) }
    }

    fn back(to: u8) -> TrafficEvent {
        TrafficEvent::RollingBack { to: share(to), because: "errors".to_owned() }
    }

    fn ended(outcome: Outcome) -> TrafficEvent {
        TrafficEvent::ShiftEnded { outcome, green: None, because: Some("so".to_owned()) }
    }

    fn failed_back() -> TrafficEvent {
        let from = weights(Lever::Listeners, 50);
        TrafficEvent::FailedBack { seconds: 1.0, from, request_ids: Vec::new(), dns_left: None }
    }

    /// All of a step from one share to the next.
    fn step(from: u8, to: u8) -> [TrafficEvent; 5] {
        let [edges, dns] = [Lever::Listeners, Lever::Dns];
        [writing(edges, from, to), written(edges, to), writing(dns, from, to), written(dns, to), done(to)]
    }

    #[test]
    fn a_shift_whose_process_died_tells_where_it_was() {
        let mut happened = vec![started("a", 0, false)];
        let shift = unfinished(&told(&happened)).unwrap();
        assert_eq!((shift.at, shift.done, shift.started, shift.ended), (share(0), None, second(1), None));
        happened.extend(step(0, 10));
        happened.push(writing(Lever::Listeners, 10, 50));
        let shift = unfinished(&told(&happened)).unwrap();
        assert_eq!((shift.from, shift.at, shift.done, shift.ended), (share(0), share(50), Some(share(10)), None));
        assert_eq!((shift.shift.as_str(), shift.steps.target(), shift.hold_seconds), ("a", share(100), 3.0));
    }

    #[test]
    fn only_what_leaves_nothing_to_go_on_with_ends_a_shift() {
        use Outcome::{Aborted, Completed, Failed, FailedBack, Held, Interrupted, Refused, RolledBack};
        let in_progress = [started("a", 0, false), writing(Lever::Listeners, 0, 10)];
        let after = |what: TrafficEvent| unfinished(&told(&[in_progress.as_slice(), &[what]].concat()));
        for outcome in [Completed, Refused, RolledBack, FailedBack, Aborted] {
            assert_eq!(after(ended(outcome)), None);
        }
        for outcome in [Held, Interrupted, Failed] {
            assert_eq!(after(ended(outcome)).unwrap().ended, Some((outcome, Some("so".to_owned()))));
        }
        assert_eq!(after(failed_back()), None);
        let incomplete = TrafficEvent::FailbackIncomplete { because: "throttled".to_owned() };
        assert!(after(incomplete).is_some() && after(TrafficEvent::FailbackStarted).is_some());
        assert_eq!(unfinished(&[]), None);
        assert_eq!(unfinished(&told(&[ended(Held), done(10), writing(Lever::Dns, 0, 10)])), None);
    }

    #[test]
    fn what_is_written_on_the_way_back_is_no_step() {
        let mut happened = vec![started("a", 10, false)];
        happened.extend(step(10, 50));
        happened.extend([writing(Lever::Listeners, 50, 100), back(10), writing(Lever::Listeners, 100, 10)]);
        let shift = unfinished(&told(&happened)).unwrap();
        assert_eq!((shift.from, shift.at, shift.done), (share(10), share(100), Some(share(50))));
        // A shift towards blue goes there by a step.
        let shift = unfinished(&told(&[started("b", 50, false), writing(Lever::Listeners, 50, 10)])).unwrap();
        assert_eq!(shift.at, share(10));
    }

    #[test]
    fn a_shift_that_went_on_keeps_where_it_was_and_a_new_one_does_not() {
        let mut happened = vec![started("a", 0, false)];
        happened.extend(step(0, 10));
        happened.push(ended(Outcome::Held));
        let on = |next: TrafficEvent| unfinished(&told(&[happened.as_slice(), &[next]].concat())).unwrap();
        let shift = on(started("a", 0, true));
        assert_eq!((shift.at, shift.done, shift.started, shift.ended), (share(10), Some(share(10)), second(1), None));
        let shift = on(started("b", 10, false));
        assert_eq!((shift.at, shift.done, shift.started), (share(10), None, second(8)));
        assert_eq!((shift.shift.as_str(), shift.ended), ("b", None));
    }

    #[test]
    fn a_shift_that_goes_on_after_its_rollback_failed_takes_steps_again() {
        let happened = [
            started("a", 0, false),
            writing(Lever::Listeners, 0, 10),
            back(0),
            writing(Lever::Listeners, 10, 0),
            ended(Outcome::Failed),
            started("a", 0, true),
            writing(Lever::Listeners, 10, 50),
        ];
        assert_eq!(unfinished(&told(&happened)).unwrap().at, share(50));
    }

    #[test]
    fn weights_are_known_once_they_were_read_back() {
        let [edges, dns] = [Lever::Listeners, Lever::Dns];
        assert_eq!(last_seen(&[]), LastSeen::default());
        let mut happened = vec![started("a", 0, false), writing(edges, 0, 10)];
        let either = |lever, from, to| Some(Expected::Either { from: weights(lever, from), to: share(to) });
        let is = |percent| Some(Expected::Share(share(percent)));
        assert_eq!(last_seen(&told(&happened)), LastSeen { listeners: either(edges, 0, 10), dns: None });
        happened.push(written(edges, 10));
        assert_eq!(last_seen(&told(&happened)), LastSeen { listeners: is(10), dns: None });
        happened.extend([writing(dns, 0, 10), written(dns, 10), writing(edges, 10, 50)]);
        assert_eq!(last_seen(&told(&happened)), LastSeen { listeners: either(edges, 10, 50), dns: is(10) });
        happened.push(failed_back());
        assert_eq!(last_seen(&told(&happened)), LastSeen { listeners: is(0), dns: is(0) });
    }

    #[test]
    fn while_a_failback_is_under_way_each_weight_is_as_before_it_or_blue() {
        let [edges, dns] = [Lever::Listeners, Lever::Dns];
        let mut happened: Vec<_> = step(0, 10).into();
        happened.extend([writing(edges, 10, 50), TrafficEvent::FailbackStarted]);
        let seen = last_seen(&told(&happened));
        let listeners = [weights(edges, 10), weights(edges, 50)].concat();
        assert_eq!(seen.listeners, Some(Expected::Either { from: listeners, to: Share::BLUE }));
        assert_eq!(seen.dns, Some(Expected::Either { from: weights(dns, 10), to: Share::BLUE }));
        // What it was before was never seen.
        assert_eq!(last_seen(&told(&[TrafficEvent::FailbackStarted])), LastSeen::default());
    }

    #[test]
    fn what_others_changed_is_known_of_the_levers_that_were_named() {
        let [edges, dns] = [Lever::Listeners, Lever::Dns];
        let mut happened: Vec<_> = step(0, 10).into();
        let to = vec![Weight::new("blue edge".to_owned(), Split { blue: 1, green: 2 })];
        happened.push(TrafficEvent::ExternalChange { from: weights(edges, 10), to: to.clone() });
        let seen = last_seen(&told(&happened));
        assert_eq!((seen.listeners, seen.dns), (Some(Expected::Weights(to)), Some(Expected::Share(share(10)))));
        happened.push(TrafficEvent::ExternalChange { from: weights(dns, 10), to: weights(dns, 0) });
        assert_eq!(last_seen(&told(&happened)).dns, Some(Expected::Weights(weights(dns, 0))));
    }

    #[test]
    fn green_serves_from_its_first_write_until_it_has_nothing() {
        let edges = Lever::Listeners;
        assert_eq!(green_since(&[]), None);
        let mut happened = vec![started("a", 0, false)];
        assert_eq!(green_since(&told(&happened)), None);
        happened.extend(step(0, 10));
        happened.extend(step(10, 50));
        assert_eq!(green_since(&told(&happened)), Some(second(2)));
        // On the way back it serves until that is read back.
        happened.extend([back(0), writing(edges, 50, 0)]);
        assert_eq!(green_since(&told(&happened)), Some(second(2)));
        happened.push(written(edges, 0));
        assert_eq!(green_since(&told(&happened)), None);
        // DNS alone leads nobody to green where the listeners don't.
        happened.push(writing(Lever::Dns, 50, 40));
        assert_eq!(green_since(&told(&happened)), None);
        happened.push(writing(edges, 0, 10));
        let since = second(happened.len() as u64);
        assert_eq!(green_since(&told(&happened)), Some(since));
        happened.extend([TrafficEvent::FailbackStarted, TrafficEvent::HoldAsked]);
        assert_eq!(green_since(&told(&happened)), Some(since));
        happened.push(failed_back());
        assert_eq!(green_since(&told(&happened)), None);
    }

    #[test]
    fn green_serves_by_dns_where_there_is_nothing_else() {
        let dns = Lever::Dns;
        let mut happened = vec![writing(dns, 0, 10), written(dns, 10), writing(dns, 10, 50)];
        assert_eq!(green_since(&told(&happened)), Some(second(1)));
        happened.extend([writing(dns, 50, 0), written(dns, 0)]);
        assert_eq!(green_since(&told(&happened)), None);
    }

    #[test]
    fn green_serves_when_others_made_it_serve_and_not_when_a_write_was_refused() {
        let edges = Lever::Listeners;
        let noticed = |from, to| TrafficEvent::ExternalChange { from: weights(edges, from), to: weights(edges, to) };
        assert_eq!(green_since(&told(&[noticed(0, 30)])), Some(second(1)));
        assert_eq!(green_since(&told(&[noticed(0, 30), noticed(30, 0)])), None);
        let (green, because) = (Some(Share::BLUE), None);
        let refused = TrafficEvent::ShiftEnded { outcome: Outcome::Refused, green, because };
        let gates = TrafficEvent::Gates { green: share(0), verdict: Verdict::Pass, checks: Vec::new() };
        assert_eq!(green_since(&told(&[gates, writing(edges, 0, 10), refused])), None);
    }
}
