//! A plan in a file: what somebody has looked at and agreed to, for an apply that does exactly that.
//!
//! It holds no steps to be done. Apply plans anew, and goes on only if that comes to the very same: so neither AWS nor the
//! state nor the configuration can have moved on in between without being noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::context::{Connection, Context, Wanted};
use super::failure::Failure;
use crate::engine::{Action, FieldChange, Plan, Selection};
use crate::state::{State, hex};

/// The version of the file's format.
const FORMAT: u32 = 1;

/// A plan as it is saved.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    format: u32,
    made: Timestamp,
    system: String,
    suffix: String,
    account: String,
    region: String,
    /// The state that it goes on from; `None` if nothing was remembered.
    state: Option<Position>,
    /// A hash of what people are told and of what moves the traffic.
    around: String,
    /// What part of the system it is for.
    pub selection: Selection,
    /// What happens to each step, and to the predecessors of replaced ones.
    steps: BTreeMap<String, Decision>,
    /// Over all the rest of it.
    checksum: String,
}

/// Which state, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    lineage: String,
    /// A hash of all steps: the serial may count on without any of them having changed.
    remembered: String,
}

/// What happens to a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Decision {
    action: Action,
    /// A hash of what is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wanted: Option<String>,
    /// A hash of what stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stands: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<FieldChange>,
}

impl SavedPlan {
    /// What is saved of a plan that was made on top of the connection's state.
    pub fn new(context: &Context, connection: &Connection, wanted: &Wanted, selection: Selection, plan: &Plan) -> Self {
        let shared = &connection.shared;
        let mut saved = SavedPlan {
            format: FORMAT,
            made: Timestamp::now(),
            system: shared.owner.system.clone(),
            suffix: shared.owner.suffix.clone(),
            account: shared.account.clone(),
            region: context.system.region().to_owned(),
            state: connection.state.as_ref().and_then(position),
            around: digest(&json!([wanted.outputs, wanted.levers])),
            selection,
            steps: decisions(plan),
            checksum: String::new(),
        };
        saved.checksum = saved.sum();
        saved
    }

    /// Writes it, for nobody else to read.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).expect("a plan is plain data");
        let written = (|| {
            // A file that is there keeps its mode: it goes first.
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            writeln!(file, "{text}")?;
            file.sync_all()
        })();
        written.map_err(|error| {
            Failure::new(format!("can't write --out {}: {error}", path.display()), "name a file that can be written")
        })
    }

    /// Reads one.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bad = |what: String| {
            let message = format!("--plan {}: {what}", path.display());
            Failure::new(message, "nothing was changed; `provisioner plan --out FILE` writes a plan")
        };
        let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        let fields: Value = serde_json::from_str(&text).map_err(|error| bad(format!("this is no plan: {error}")))?;
        if fields["format"].as_u64().is_some_and(|found| found != u64::from(FORMAT)) {
            return Err(bad(format!("it has format {}, and this provisioner knows {FORMAT} only", fields["format"])));
        }
        let saved: SavedPlan =
            serde_json::from_value(fields).map_err(|error| bad(format!("this is no plan: {error}")))?;
        if saved.checksum != saved.sum() {
            return Err(bad("it was damaged or changed since it was made".to_owned()));
        }
        Ok(saved)
    }

    /// The suffix that it is for; refuses another one that was given.
    pub fn suffix(&self, given: Option<&str>) -> Result<String, Failure> {
        match given.filter(|given| *given != self.suffix) {
            Some(given) => Err(Failure::new(
                format!("the plan is for {}, and --suffix says {given}", self.suffix),
                "nothing was changed: leave --suffix out",
            )),
            None => Ok(self.suffix.clone()),
        }
    }

    /// Refuses a plan that isn't what it comes to now. `before` is the state as it was read, `plan` what was planned anew.
    pub fn refuse_another(
        &self,
        connection: &Connection,
        before: &State,
        wanted: &Wanted,
        plan: &Plan,
    ) -> Result<(), Failure> {
        let moved = |what: String| {
            let message = format!("the plan of {} doesn't hold any more: {what}", self.made.strftime("%F %T UTC"));
            Err(Failure::new(message, "nothing was changed: make a new one with `provisioner plan --out FILE`"))
        };
        let shared = &connection.shared;
        if (&self.system, &self.account) != (&shared.owner.system, &shared.account) {
            return moved(format!("it is of the system {} in the account {}", self.system, self.account));
        }
        let now = position(before);
        if now != self.state {
            return moved(match (&self.state, &now) {
                (None, _) => "there was no state, and there is one now".to_owned(),
                (Some(_), None) => "there is no state any more".to_owned(),
                (Some(then), Some(now)) if then.lineage != now.lineage => "it is of another state".to_owned(),
                (Some(_), Some(_)) => "the state remembers something else by now".to_owned(),
            });
        }
        if self.around != digest(&json!([wanted.outputs, wanted.levers])) {
            return moved("the configuration has other outputs, or moves its traffic otherwise".to_owned());
        }
        if let Some((step, error)) = plan.failures.first() {
            return moved(format!("{step} can't be planned: {error}"));
        }
        let steps = decisions(plan);
        let all: BTreeSet<&String> = self.steps.keys().chain(steps.keys()).collect();
        let (mut asked, mut standing) = (Vec::new(), Vec::new());
        for step in all {
            let (then, now) = (self.steps.get(step), steps.get(step));
            if then == now {
                continue;
            }
            let is_same = |part: fn(&Decision) -> &Option<String>| {
                then.and_then(|decision| part(decision).as_ref()) == now.and_then(|decision| part(decision).as_ref())
            };
            if !is_same(|decision| &decision.wanted) {
                asked.push(step.as_str());
            } else {
                standing.push(step.as_str());
            }
        }
        let parts = [("AWS has something else at", standing), ("the configuration wants something else of", asked)];
        let parts: Vec<_> = parts
            .iter()
            .filter(|(_, steps)| !steps.is_empty())
            .map(|(what, steps)| format!("{what} {}", steps.join(", ")))
            .collect();
        if parts.is_empty() { Ok(()) } else { moved(parts.join("; ")) }
    }

    fn sum(&self) -> String {
        let mut fields = serde_json::to_value(self).expect("a plan is plain data");
        fields["checksum"] = Value::Null;
        digest(&fields)
    }
}

fn position(state: &State) -> Option<Position> {
    let remembered = digest(&json!([state.steps, state.intents, state.deposed]));
    (!state.is_empty()).then(|| Position { lineage: state.lineage.clone(), remembered })
}

/// What happens to each step, and to the predecessors of replaced ones.
fn decisions(plan: &Plan) -> BTreeMap<String, Decision> {
    let steps = plan.steps.iter().map(|planned| {
        let step = &planned.step;
        let wanted = Some(digest(&json!([step.kind, step.region, step.spec, step.tags])));
        let stands = planned.observed.as_ref();
        let stands = stands.map(|observed| digest(&json!([observed.spec, observed.outputs, observed.tags()])));
        let decision = Decision { action: planned.action, wanted, stands, changes: planned.changes.clone() };
        (step.id.to_string(), decision)
    });
    let removals = plan.removals.iter().map(|removal| {
        let record = &removal.record;
        let stands = Some(digest(&json!([record.kind, record.region, record.outputs])));
        let name = if removal.deposed { format!("{} (its predecessor)", removal.id) } else { removal.id.to_string() };
        (name, Decision { action: removal.action, wanted: None, stands, changes: Vec::new() })
    });
    steps.chain(removals).collect()
}

fn digest(value: &Value) -> String {
    hex(&Sha256::digest(value.to_string()))
}
