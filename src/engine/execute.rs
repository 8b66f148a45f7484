//! Executes a plan: journals the intent of each call, makes the call, records the result.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use serde_json::Value;
use tracing::Instrument;

use super::advice::Advice;
use super::compare::{compare, resolve};
use super::context::EngineContext;
use super::diff::FieldChange;
use super::error::StepError;
use super::events::Event;
use super::keep::{keep_used, skip_moved};
use super::operations::{Observed, Operations, Target};
use super::plan::{Action, Plan, Planned, Removal};
use super::reference;
use super::refusal::refused_changes;
use super::schedule::{self, Outcome};
use super::step::{Step, StepId, Tags};
use super::work::{Work, WorkList, replaced_resource};
use crate::state::journal::Entry;
use crate::state::{Intent, Record, Session, random_hex};

/// How many actions run at once. A throttled client slows itself down.
const ACTIONS: usize = 32;

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The number of steps by action.
    pub done: BTreeMap<Action, usize>,
    /// Failed steps.
    pub failed: Vec<(StepId, StepError)>,
    /// Skipped steps, with the reason.
    pub skipped: Vec<(StepId, String)>,
    /// The user interrupted the run.
    pub interrupted: bool,
}

impl Report {
    /// The number of steps that ended with this action.
    pub fn count(&self, action: Action) -> usize {
        self.done.get(&action).copied().unwrap_or_default()
    }

    fn skip_all<'a>(&mut self, steps: impl Iterator<Item = &'a StepId>, because: &str) {
        self.skipped.extend(steps.map(|id| (id.clone(), because.to_owned())));
    }
}

impl EngineContext<'_> {
    /// Executes the plan. The session's state has everything that was done, whatever fails.
    pub async fn execute(&self, mut plan: Plan, session: &Session) -> Report {
        let mut report = Report::default();
        if !plan.refusals.is_empty() {
            report.failed.extend(plan.refusals.iter().map(|refused| (refused.step.clone(), refused.error())));
            let changed = plan.steps.iter().filter(|planned| planned.action != Action::Unchanged);
            let changed =
                changed.map(|planned| &planned.step.id).chain(plan.removals.iter().map(|removal| &removal.id));
            report.skip_all(changed, "the plan has a change that can't be made: nothing was started");
            return report;
        }
        report.failed.extend(plan.failures.iter().cloned());
        for (id, failed) in &plan.blocked {
            report.skipped.push((id.clone(), format!("{failed} can't be planned")));
        }
        let kept = session.read(|state| keep_used(self, &mut plan, state));
        for (id, user) in &kept {
            let is_replaced = plan.steps.iter().any(|planned| planned.step.id == *id);
            let what = if is_replaced { "the old resource is kept" } else { "kept" };
            report.skipped.push((id.clone(), format!("{what}: {user} may still use it, and can't be planned")));
        }
        for (id, moved) in session.read(|state| skip_moved(self, &mut plan, state)) {
            report.skipped.push((id, format!("{moved} has another region or type, and its old resource is kept")));
        }
        let work = WorkList::new(plan, kept.into_iter().map(|(id, _)| id).collect());
        let nodes = match work.nodes(self) {
            Ok(nodes) => nodes,
            Err(cycles) => {
                report.failed.extend(cycles);
                report.skip_all(work.ids(), "steps wait for each other: nothing was started");
                return report;
            }
        };
        let execution = Execution::new(self, work, session);
        self.observer.on(Event::Started { total: nodes.len() });
        let outcomes = schedule::run(&nodes, ACTIONS, self.stop.clone(), |work| {
            let span = tracing::info_span!("step", step = %work.id());
            execution.perform(work).instrument(span)
        })
        .await;
        for (work, outcome) in outcomes {
            let because = match outcome {
                Outcome::Done | Outcome::Failed => continue,
                Outcome::NeedsFailed(failed) => format!("{} failed", failed.id()),
                Outcome::Stopped => {
                    report.interrupted = true;
                    "the run was stopped".to_owned()
                }
            };
            self.observer.on(Event::StepSkipped { step: work.id().clone(), because: because.clone() });
            report.skipped.push((work.id().clone(), because));
        }
        self.observer.on(Event::Ended);
        let progress = execution.progress.into_inner().expect("no panic holds this lock");
        report.done = progress.done;
        report.failed.extend(progress.failed);
        report.skipped.extend(progress.skipped);
        report
    }
}

struct Execution<'a> {
    engine: &'a EngineContext<'a>,
    work: WorkList,
    session: &'a Session,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    outputs: BTreeMap<StepId, Value>,
    done: BTreeMap<Action, usize>,
    failed: Vec<(StepId, StepError)>,
    skipped: Vec<(StepId, String)>,
    /// The journal can't be written: no further action may start.
    is_unwritable: bool,
}

impl<'a> Execution<'a> {
    fn new(engine: &'a EngineContext<'a>, work: WorkList, session: &'a Session) -> Self {
        let kept = work.steps.iter().filter(|(_, planned)| planned.action != Action::Replace);
        let outputs =
            kept.filter_map(|(id, planned)| Some((id.clone(), planned.observed.as_ref()?.outputs.clone()))).collect();
        let progress = Progress { outputs, ..Progress::default() };
        Execution { engine, work, session, progress: Mutex::new(progress) }
    }

    /// Does one piece of work. True if that succeeded.
    async fn perform(&self, work: Work) -> bool {
        if self.progress().is_unwritable {
            let because = "the journal can't be written".to_owned();
            self.engine.observer.on(Event::StepSkipped { step: work.id().clone(), because: because.clone() });
            self.progress().skipped.push((work.id().clone(), because));
            return false;
        }
        let (id, action, outcome) = match &work {
            Work::Act(id) => {
                let planned = &self.work.steps[id];
                (id, planned.action, self.act(planned).await)
            }
            Work::Remove(id) => {
                let removal = &self.work.removals[id];
                (id, removal.action, self.remove(removal, false).await.map(|()| removal.action))
            }
            Work::RemoveDeposed(id) => {
                let removal = &self.work.deposed[id];
                (id, removal.action, self.remove(removal, true).await.map(|()| removal.action))
            }
        };
        // The deletion of the old resource is a part of a replacement, which counts once.
        let is_replaced = !matches!(work, Work::Act(_)) && self.work.steps.contains_key(id);
        let mut progress = self.progress();
        match outcome {
            Ok(done) => {
                if !is_replaced {
                    *progress.done.entry(done).or_default() += 1;
                }
                true
            }
            Err(error) => {
                self.engine.observer.on(Event::StepFailed { step: id.clone(), action, error: error.clone() });
                progress.failed.push((id.clone(), error));
                false
            }
        }
    }

    /// Brings a step to its desired state. Returns the action that this took: a reference that was unknown when the plan was
    /// made may resolve to the actual value.
    async fn act(&self, planned: &Planned) -> Result<Action, StepError> {
        let desired = self.engine.graph.get(&planned.step.id).unwrap_or(&planned.step);
        let operations = self.engine.provider.operations(desired.kind)?;
        let step = resolve(desired, &self.progress().outputs, operations)?;
        if reference::is_unknown(&step.spec) {
            return Err(StepError::new("an output of a dependency is missing although the dependency is done"));
        }
        match &planned.observed {
            Some(observed) if planned.postponed => {
                self.progress().outputs.insert(step.id.clone(), observed.outputs.clone());
                if planned.record.is_none() {
                    self.record_done(&step.id, replaced_resource(planned, observed).record).await?;
                }
                Ok(Action::Unchanged)
            }
            Some(observed) if planned.action != Action::Replace => {
                self.bring_up_to_date(operations, &step, observed, planned).await
            }
            _ => self.create(operations, &step, desired, planned).await.map(|()| planned.action),
        }
    }

    async fn bring_up_to_date(
        &self,
        operations: &dyn Operations,
        step: &Step,
        observed: &Observed,
        planned: &Planned,
    ) -> Result<Action, StepError> {
        let start = Instant::now();
        let (action, changes) = compare(operations, step, Some(observed), planned.record.as_ref());
        if matches!(action, Action::Unchanged | Action::Adopt) {
            self.record_unchanged(step, observed, planned).await?;
            return Ok(action);
        }
        if let Some(refused) = refused_changes(operations, step, observed, &changes)?.first() {
            return Err(refused.error());
        }
        self.report_start(step, Action::Update, operations);
        self.update(operations, step, observed, &changes, planned).await?;
        self.report_done(&step.id, Action::Update, start);
        Ok(Action::Update)
    }

    async fn create(
        &self,
        operations: &dyn Operations,
        step: &Step,
        desired: &Step,
        planned: &Planned,
    ) -> Result<(), StepError> {
        let start = Instant::now();
        self.report_start(step, planned.action, operations);
        let pending = self.session.read(|state| state.intents.get(&step.id).cloned());
        let intent = intent(step, desired, pending);
        let old = self.work.deposed.get(&step.id);
        let mut entries = Vec::new();
        if let (Some(old), true) = (old, planned.action == Action::Replace && planned.create_before_destroy) {
            // An unrecorded resource, of a run that died, is recorded first: the new intent would hide it.
            let done = Entry::Done { step: step.id.clone(), record: Box::new(old.record.clone()) };
            entries.extend(planned.record.is_none().then_some(done));
            entries.push(Entry::Deposed { step: step.id.clone() });
        }
        entries.push(Entry::Intent { step: step.id.clone(), intent: Box::new(intent.clone()) });
        self.record(entries).await?;
        let predecessor = old.map(|removal| &removal.record.outputs);
        let target = Target { step, known: None, token: &intent.token, predecessor };
        let outputs = operations.create(target).await?;
        let is_old = predecessor == Some(&outputs);
        self.record_done(&step.id, intent.fulfilled(outputs)).await?;
        if is_old {
            let message = "AWS returned the existing resource; it can't be replaced while the old one exists";
            return Err(StepError::new(message).with_advice(Advice::DeleteThenApply));
        }
        self.report_done(&step.id, planned.action, start);
        Ok(())
    }

    async fn update(
        &self,
        operations: &dyn Operations,
        step: &Step,
        observed: &Observed,
        changes: &[FieldChange],
        planned: &Planned,
    ) -> Result<(), StepError> {
        let dependencies = self.engine.graph.get(&step.id).unwrap_or(step).dependencies();
        if !dependencies.is_subset(&planned.used) {
            self.record([Entry::Updating { step: step.id.clone(), dependencies }]).await?;
        }
        let (tags, fields): (Vec<_>, Vec<_>) =
            changes.iter().cloned().partition(|change| change.path.starts_with("tags."));
        let mut outputs = observed.outputs.clone();
        // Tags first: they tell whose resource it is.
        if !tags.is_empty() {
            let key = |change: &FieldChange| change.path.trim_start_matches("tags.").to_owned();
            let set = tags.iter().filter_map(|change| Some((key(change), change.new.as_ref()?.as_str()?.to_owned())));
            let remove: Vec<String> = tags.iter().filter(|change| change.new.is_none()).map(key).collect();
            operations.tag(step, &outputs, &set.collect(), &remove).await?;
        }
        if !fields.is_empty() {
            let target = Target { step, known: Some(&observed.outputs), token: "", predecessor: None };
            outputs = operations.update(target, observed, &fields).await?;
        }
        self.record_done(&step.id, self.updated_record(step, outputs, planned)).await
    }

    /// Records an unchanged resource if its record differs.
    async fn record_unchanged(&self, step: &Step, observed: &Observed, planned: &Planned) -> Result<(), StepError> {
        let record = self.updated_record(step, observed.outputs.clone(), planned);
        match &planned.record {
            Some(old) if Record { updated_at: old.updated_at, ..record.clone() } == *old => Ok(()),
            _ => self.record_done(&step.id, record).await,
        }
    }

    fn updated_record(&self, step: &Step, outputs: Value, planned: &Planned) -> Record {
        let desired = self.engine.graph.get(&step.id).unwrap_or(step);
        let record = step.record(outputs, desired.dependencies());
        let created_at = planned.record.as_ref().map_or(record.created_at, |old| old.created_at);
        Record { created_at, ..record }
    }

    async fn remove(&self, removal: &Removal, deposed: bool) -> Result<(), StepError> {
        let start = Instant::now();
        let operations = self.engine.provider.operations(&removal.record.kind)?;
        let step = Step::recorded(&removal.id, &removal.record, operations.type_info().kind);
        let outputs = &removal.record.outputs;
        if removal.action != Action::Forget {
            self.report_start(&step, removal.action, operations);
            self.record([Entry::Deleting { step: removal.id.clone() }]).await?;
        }
        match removal.action {
            Action::Forget => {}
            Action::Leave => {
                operations.tag(&step, outputs, &Tags::new(), &[self.engine.owner.use_mark()]).await?;
            }
            _ => operations.delete(&step, outputs).await?,
        }
        self.record([Entry::Deleted { step: removal.id.clone(), deposed }]).await?;
        if removal.action != Action::Forget {
            self.report_done(&removal.id, removal.action, start);
        }
        Ok(())
    }

    async fn record_done(&self, id: &StepId, record: Record) -> Result<(), StepError> {
        self.progress().outputs.insert(id.clone(), record.outputs.clone());
        self.record([Entry::Done { step: id.clone(), record: Box::new(record) }]).await
    }

    async fn record(&self, entries: impl IntoIterator<Item = Entry>) -> Result<(), StepError> {
        self.session.record(entries).await.map_err(|error| {
            self.progress().is_unwritable = true;
            error.into()
        })
    }

    fn report_start(&self, step: &Step, action: Action, operations: &dyn Operations) {
        let typical_time = operations.type_info().typical_create_time;
        self.engine.observer.on(Event::StepStarted { step: step.id.clone(), kind: step.kind, action, typical_time });
    }

    fn report_done(&self, step: &StepId, action: Action, start: Instant) {
        self.engine.observer.on(Event::StepDone { step: step.clone(), action, took: start.elapsed() });
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("no panic holds this lock")
    }
}

/// The intent to create a step. It keeps the token of a pending intent with the same spec, so that AWS sees one token.
fn intent(step: &Step, desired: &Step, pending: Option<Intent>) -> Intent {
    let token = pending.filter(|pending| pending.spec == step.spec).map(|pending| pending.token);
    Intent {
        kind: step.kind.to_owned(),
        region: step.region.clone(),
        spec: step.spec.clone(),
        tags: step.tags.clone(),
        dependencies: desired.dependencies(),
        token: token.unwrap_or_else(random_hex),
        shared: step.shared,
    }
}
