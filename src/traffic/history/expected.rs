//! The weights that levers should have, by replaying the history.

use super::Entry;
use crate::traffic::event::TrafficEvent;
use crate::traffic::share::Share;
use crate::traffic::weight::{LeverKind, Weight};

/// The weights that a kind of lever should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This share of green: it was written and read back.
    Share(Share),
    /// A write whose result isn't recorded: each weight may be the old or the new one.
    Either {
        /// The weights before the write. Several for one lever, if those weren't certain either.
        from: Vec<Weight>,
        /// The share of green that was being written.
        to: Share,
    },
    /// These weights, which were found after an external change.
    Weights(Vec<Weight>),
}

impl Expected {
    fn includes(&self, weight: &Weight) -> bool {
        match self {
            Expected::Share(share) => weight.is_at(*share),
            Expected::Either { from, to } => weight.is_at(*to) || from.contains(weight),
            // A rule that was created since then is an external change as well.
            Expected::Weights(weights) => weights.contains(weight),
        }
    }

    /// The expectation during a failback: the former weights, or blue. `named` has one weight of each lever.
    fn or_blue(self, named: &[Weight]) -> Self {
        let at = |share: Share| named.iter().map(move |weight| Weight::new(weight.lever.clone(), share.split()));
        let from = match self {
            Expected::Weights(weights) => weights,
            Expected::Share(share) => at(share).collect(),
            Expected::Either { mut from, to } => {
                from.extend(at(to));
                from
            }
        };
        Expected::Either { from, to: Share::BLUE }
    }
}

/// The weights that all levers should have; `None` for a kind that the history doesn't mention.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedWeights {
    /// The weights of listeners and rules.
    pub listeners: Option<Expected>,
    /// The weights of DNS records.
    pub dns: Option<Expected>,
}

impl ExpectedWeights {
    /// The weights that this history saw last.
    pub fn from_history(entries: &[Entry]) -> Self {
        let mut expected = ExpectedWeights::default();
        // The last named weights have the levers' names.
        let (mut rules, mut records) = (Vec::new(), Vec::new());
        for entry in entries {
            match &entry.event {
                TrafficEvent::Writing { lever, from, to } => {
                    *expected.of_mut(*lever) = Some(Expected::Either { from: from.clone(), to: *to });
                    *(if *lever == LeverKind::Listeners { &mut rules } else { &mut records }) = from.clone();
                }
                TrafficEvent::Written { lever, to, .. } => *expected.of_mut(*lever) = Some(Expected::Share(*to)),
                TrafficEvent::FailbackStarted => {
                    expected.listeners = expected.listeners.map(|before| before.or_blue(&rules));
                    expected.dns = expected.dns.map(|before| before.or_blue(&records));
                }
                TrafficEvent::FailedBack { dns_error, .. } => {
                    let blue = Some(Expected::Share(Share::BLUE));
                    let dns = if dns_error.is_some() { expected.dns } else { blue.clone() };
                    expected = ExpectedWeights { listeners: blue, dns };
                }
                TrafficEvent::ExternalChange { to, .. } => {
                    for (kind, names) in [(LeverKind::Listeners, &mut rules), (LeverKind::Dns, &mut records)] {
                        let weights: Vec<_> = to.iter().filter(|weight| weight.kind() == kind).cloned().collect();
                        if !weights.is_empty() {
                            names.clone_from(&weights);
                            *expected.of_mut(kind) = Some(Expected::Weights(weights));
                        }
                    }
                }
                _ => {}
            }
        }
        expected
    }

    /// The weights that these levers had when the history saw them last.
    pub fn of_levers(&self, levers: &[Weight]) -> Vec<Weight> {
        let before = |weight: &Weight| match self.of(weight.kind())? {
            Expected::Share(share) => Some(Weight::new(&weight.lever, share.split())),
            Expected::Either { from: weights, .. } | Expected::Weights(weights) => {
                weights.iter().find(|before| before.lever == weight.lever).cloned()
            }
        };
        levers.iter().filter_map(before).collect()
    }

    /// The weights that differ from the expected ones: someone changed them outside provisioner.
    pub fn differing<'a>(&self, weights: impl Iterator<Item = &'a Weight>) -> Vec<Weight> {
        let differs = |weight: &&Weight| self.of(weight.kind()).is_some_and(|expected| !expected.includes(weight));
        weights.filter(differs).cloned().collect()
    }

    /// The event for an external change of these weights, if there is one. It has all weights of a changed kind of lever, because
    /// the next comparison covers all of them.
    pub fn external_change(&self, weights: &[Weight]) -> Option<TrafficEvent> {
        let kinds: Vec<_> = self.differing(weights.iter()).iter().map(Weight::kind).collect();
        let to: Vec<_> = weights.iter().filter(|weight| kinds.contains(&weight.kind())).cloned().collect();
        (!to.is_empty()).then(|| TrafficEvent::ExternalChange { from: self.of_levers(&to), to })
    }

    fn of(&self, kind: LeverKind) -> Option<&Expected> {
        match kind {
            LeverKind::Listeners => self.listeners.as_ref(),
            LeverKind::Dns => self.dns.as_ref(),
        }
    }

    fn of_mut(&mut self, kind: LeverKind) -> &mut Option<Expected> {
        match kind {
            LeverKind::Listeners => &mut self.listeners,
            LeverKind::Dns => &mut self.dns,
        }
    }
}
