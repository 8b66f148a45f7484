//! Saved plans: a reviewed plan in a file, for an apply that does exactly that.
//!
//! The file contains hashes and decisions, not work to do. Apply plans again and continues only if the result is the same,
//! so a change of AWS, state or configuration in between is always noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::context::{Connection, Context, Desired};
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
    /// The state that it was made for; `None` if there was none.
    state: Option<Position>,
    /// A hash of the outputs and levers.
    around: String,
    /// The selected part of the system.
    pub selection: Selection,
    /// The decision for each step and each deposed object.
    steps: BTreeMap<String, Decision>,
    /// A hash of all other fields.
    checksum: String,
}

/// Identifies the contents of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    lineage: String,
    /// A hash of all steps: the serial may increase without a change of any step.
    remembered: String,
}

/// The decision for a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Decision {
    action: Action,
    /// A hash of the desired step.
    #[serde(rename = "wanted", default, skip_serializing_if = "Option::is_none")]
    desired: Option<String>,
    /// A hash of the actual resource.
    #[serde(rename = "stands", default, skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<FieldChange>,
}

impl SavedPlan {
    /// Records a plan that was made for the state of the connection.
    pub fn new(
        context: &Context,
        connection: &Connection,
        desired: &Desired,
        selection: Selection,
        plan: &Plan,
    ) -> Self {
        let shared = &connection.shared;
        let mut saved = SavedPlan {
            format: FORMAT,
            made: Timestamp::now(),
            system: shared.owner.system.clone(),
            suffix: shared.owner.suffix.clone(),
            account: shared.account.clone(),
            region: context.system.region().to_owned(),
            state: connection.state.as_ref().and_then(position),
            around: digest(&json!([desired.outputs, desired.levers])),
            selection,
            steps: decisions(plan),
            checksum: String::new(),
        };
        saved.checksum = saved.sum();
        saved
    }

    /// Writes it with mode 0600.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).expect("a plan is plain data");
        let written = (|| {
            // An existing file would keep its mode, so delete it first.
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            writeln!(file, "{text}")?;
            file.sync_all()
        })();
        written.map_err(|error| {
            Failure::new(format!("can't write --out {}: {error}", path.display()), "choose a file that can be written")
        })
    }

    /// Reads a saved plan and checks that it is undamaged.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bad = |what: String| {
            let message = format!("--plan {}: {what}", path.display());
            Failure::new(message, "nothing was changed; `provisioner plan --out FILE` writes a plan")
        };
        let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        let fields: Value = serde_json::from_str(&text).map_err(|error| bad(format!("not a saved plan: {error}")))?;
        if fields["format"].as_u64().is_some_and(|found| found != u64::from(FORMAT)) {
            return Err(bad(format!(
                "it has format {}, but this provisioner reads only format {FORMAT}",
                fields["format"]
            )));
        }
        let saved: SavedPlan =
            serde_json::from_value(fields).map_err(|error| bad(format!("not a saved plan: {error}")))?;
        if saved.checksum != saved.sum() {
            return Err(bad("the file was damaged or edited".to_owned()));
        }
        Ok(saved)
    }

    /// The suffix of the plan. Refuses a different one from the command line.
    pub fn suffix(&self, requested: Option<&str>) -> Result<String, Failure> {
        match requested.filter(|requested| *requested != self.suffix) {
            Some(requested) => Err(Failure::new(
                format!("the plan is for {}, but --suffix is {requested}", self.suffix),
                "nothing was changed: omit --suffix",
            )),
            None => Ok(self.suffix.clone()),
        }
    }

    /// Refuses to apply if anything changed since the plan was saved. `before` is the current state, `plan` the current plan.
    pub fn check_still_valid(
        &self,
        connection: &Connection,
        before: &State,
        desired: &Desired,
        plan: &Plan,
    ) -> Result<(), Failure> {
        let outdated = |what: String| {
            let message = format!("the plan of {} is outdated: {what}", self.made.strftime("%F %T UTC"));
            Err(Failure::new(message, "nothing was changed: save a new one with `provisioner plan --out FILE`"))
        };
        let shared = &connection.shared;
        if (&self.system, &self.account) != (&shared.owner.system, &shared.account) {
            return outdated(format!("it is for the system {} in the account {}", self.system, self.account));
        }
        let now = position(before);
        if now != self.state {
            return outdated(match (&self.state, &now) {
                (None, _) => "there was no state, but now there is one".to_owned(),
                (Some(_), None) => "the state is gone".to_owned(),
                (Some(then), Some(now)) if then.lineage != now.lineage => "it was made for another state".to_owned(),
                (Some(_), Some(_)) => "the state has changed".to_owned(),
            });
        }
        if self.around != digest(&json!([desired.outputs, desired.levers])) {
            return outdated("the outputs or the traffic levers of the configuration have changed".to_owned());
        }
        if let Some((step, error)) = plan.failures.first() {
            return outdated(format!("{step} can't be planned: {error}"));
        }
        let steps = decisions(plan);
        let all: BTreeSet<&String> = self.steps.keys().chain(steps.keys()).collect();
        let (mut configured, mut actual) = (Vec::new(), Vec::new());
        for step in all {
            let (then, now) = (self.steps.get(step), steps.get(step));
            if then == now {
                continue;
            }
            let is_same = |part: fn(&Decision) -> &Option<String>| {
                then.and_then(|decision| part(decision).as_ref()) == now.and_then(|decision| part(decision).as_ref())
            };
            if !is_same(|decision| &decision.desired) {
                configured.push(step.as_str());
            } else {
                actual.push(step.as_str());
            }
        }
        let parts = [("AWS has changed at", actual), ("the configuration has changed at", configured)];
        let parts: Vec<_> = parts
            .iter()
            .filter(|(_, steps)| !steps.is_empty())
            .map(|(what, steps)| format!("{what} {}", steps.join(", ")))
            .collect();
        if parts.is_empty() { Ok(()) } else { outdated(parts.join("; ")) }
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

/// The decision for each step and each deposed object.
fn decisions(plan: &Plan) -> BTreeMap<String, Decision> {
    let steps = plan.steps.iter().map(|planned| {
        let step = &planned.step;
        let desired = Some(digest(&json!([step.kind, step.region, step.spec, step.tags])));
        let actual = planned.observed.as_ref();
        let actual = actual.map(|observed| digest(&json!([observed.spec, observed.outputs, observed.tags()])));
        let decision = Decision { action: planned.action, desired, actual, changes: planned.changes.clone() };
        (step.id.to_string(), decision)
    });
    let removals = plan.removals.iter().map(|removal| {
        let record = &removal.record;
        let actual = Some(digest(&json!([record.kind, record.region, record.outputs])));
        let name = if removal.deposed { format!("{} (its predecessor)", removal.id) } else { removal.id.to_string() };
        (name, Decision { action: removal.action, desired: None, actual, changes: Vec::new() })
    });
    steps.chain(removals).collect()
}

fn digest(value: &Value) -> String {
    hex(&Sha256::digest(value.to_string()))
}
