//! Which calls come to harm, and which are refused for good.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::support::proxy::{Call, Fault, Reach, Refusal, by_chance};

/// So many percent of all calls meet something that passes.
const PASSING: u64 = 20;
/// So many of a thousand changes are refused for good, while that is on.
const FOR_GOOD: u64 = 20;
/// So many of a thousand reads are.
const READS_FOR_GOOD: u64 = 4;

/// What is refused so by design only for the moment: AWS says the same of a role or key that it doesn't know yet, or of
/// a permission that doesn't take effect yet, as of a value or a caller that is wrong for good. The tool asks on for a
/// minute.
const AMBIGUOUS: &[(&str, Refusal)] = &[
    ("backup:CreateBackupSelection", Refusal::Invalid),
    ("backup:CreateBackupVault", Refusal::Invalid),
    ("lambda:CreateEventSourceMapping", Refusal::Invalid),
    ("lambda:CreateFunction", Refusal::Invalid),
    ("lambda:UpdateEventSourceMapping", Refusal::Invalid),
    ("lambda:UpdateFunctionConfiguration", Refusal::Invalid),
    ("rds:CreateDBInstance", Refusal::Invalid),
    ("secretsmanager:RotateSecret", Refusal::Denied),
    ("sns:SetTopicAttributes", Refusal::Invalid),
];

/// A call that was refused for good.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Its key.
    pub key: String,
    /// `CreateVpc`
    pub operation: String,
    /// What AWS said.
    pub code: &'static str,
}

/// The faults of one life.
#[derive(Clone)]
pub struct Faults(Arc<Mutex<Inner>>);

/// What may pass.
type Passing = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

struct Inner {
    seed: u64,
    passing: Passing,
    /// Calls are being refused for good.
    for_good: bool,
    refused: Vec<Refused>,
}

impl Faults {
    /// The same calls meet the same faults with the same seed.
    pub fn new(seed: u64) -> Self {
        let passing = Box::new(by_chance(seed, PASSING, &Fault::PASSING));
        Faults(Arc::new(Mutex::new(Inner { seed, passing, for_good: false, refused: Vec::new() })))
    }

    /// From now on calls are refused for good, or no longer.
    pub fn refuse_for_good(&self, on: bool) {
        self.lock().for_good = on;
    }

    /// What was refused for good since this was asked last.
    pub fn take_refused(&self) -> Vec<Refused> {
        std::mem::take(&mut self.lock().refused)
    }

    /// Says what happens to a call.
    pub fn judge(&self, call: &Call) -> Option<Fault> {
        let mut inner = self.lock();
        let dice = call.dice(!inner.seed);
        let share = if call.is_change { FOR_GOOD } else { READS_FOR_GOOD };
        // All steps of a type share such a read, and one that looks for what became of its call takes a read of its own.
        let is_shared = call.operation == "GetResources" || call.key.contains("tag:provisioner:suffix");
        if inner.for_good && !is_shared && dice % 1000 < share {
            let refusal = for_good(call, dice / 1000);
            let code = refusal.code(call);
            inner.refused.push(Refused { key: call.key.clone(), operation: call.operation.clone(), code });
            return Some(Fault::Refuse(refusal, Reach::Unsent));
        }
        (inner.passing)(call)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic holds this lock")
    }
}

/// What nobody asks again for, of the two the one that isn't ambiguous here.
fn for_good(call: &Call, dice: u64) -> Refusal {
    let name = format!("{}:{}", call.service, call.operation);
    match AMBIGUOUS.iter().find(|(operation, _)| *operation == name) {
        Some((_, Refusal::Invalid)) => Refusal::Denied,
        Some(_) => Refusal::Invalid,
        None if dice.is_multiple_of(2) => Refusal::Denied,
        None => Refusal::Invalid,
    }
}
