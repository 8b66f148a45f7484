//! The calls that fail, and those that fail permanently.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::support::proxy::{Call, Fault, Reach, Refusal, by_chance};

/// The percentage of all calls that get a transient fault.
const TRANSIENT: u64 = 20;
/// How many of a thousand changes get a permanent error, while these are allowed.
const PERMANENT: u64 = 20;
/// How many of a thousand reads do.
const PERMANENT_READS: u64 = 4;

/// Errors that the tool retries for a minute: AWS returns the same code for a role, key or permission that isn't visible yet
/// as for an invalid value or caller.
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

/// A call with a permanent error.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Its key.
    pub key: String,
    /// `CreateVpc`
    pub operation: String,
    /// The error code.
    pub code: &'static str,
}

/// The faults of one life.
#[derive(Clone)]
pub struct Faults(Arc<Mutex<Inner>>);

/// Chooses the transient faults.
type Transient = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

struct Inner {
    seed: u64,
    transient: Transient,
    /// Whether calls get permanent errors.
    permanent: bool,
    refused: Vec<Refused>,
}

impl Faults {
    /// The same calls get the same faults with the same seed.
    pub fn new(seed: u64) -> Self {
        let transient = Box::new(by_chance(seed, TRANSIENT, &Fault::TRANSIENT));
        Faults(Arc::new(Mutex::new(Inner { seed, transient, permanent: false, refused: Vec::new() })))
    }

    /// Turns permanent errors on or off.
    pub fn allow_permanent(&self, on: bool) {
        self.lock().permanent = on;
    }

    /// The permanent errors since the last call of this function.
    pub fn take_refused(&self) -> Vec<Refused> {
        std::mem::take(&mut self.lock().refused)
    }

    /// The fault of a call.
    pub fn judge(&self, call: &Call) -> Option<Fault> {
        let mut inner = self.lock();
        let dice = call.dice(!inner.seed);
        let share = if call.is_change { PERMANENT } else { PERMANENT_READS };
        // All steps of a type share these reads, but a step that resolves an unknown outcome reads alone.
        let is_shared = call.operation == "GetResources" || call.key.contains("tag:provisioner:suffix");
        if inner.permanent && !is_shared && dice % 1000 < share {
            let refusal = permanent(call, dice / 1000);
            let code = refusal.code(call);
            inner.refused.push(Refused { key: call.key.clone(), operation: call.operation.clone(), code });
            return Some(Fault::Refuse(refusal, Reach::Unsent));
        }
        (inner.transient)(call)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic holds this lock")
    }
}

/// An error that isn't retried: of the two the one that isn't ambiguous here.
fn permanent(call: &Call, dice: u64) -> Refusal {
    let name = format!("{}:{}", call.service, call.operation);
    match AMBIGUOUS.iter().find(|(operation, _)| *operation == name) {
        Some((_, Refusal::Invalid)) => Refusal::Denied,
        Some(_) => Refusal::Invalid,
        None if dice.is_multiple_of(2) => Refusal::Denied,
        None => Refusal::Invalid,
    }
}
