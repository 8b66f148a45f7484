//! Does what a plan says: announces each call in the journal, acts, records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tracing::Instrument;

use super::events::Event;
use super::operations::{Observed, Operations, StepError, Target};
use super::plan::{self, Action, EngineContext, Plan, Planned, Removal};
use super::reference;
use super::refusal::refused_changes;
use super::schedule::{self, Node, Outcome};
use super::step::{Step, StepId, Tags};
use crate::state::journal::Entry;
use crate::state::{Intent, Record, Session, State};

/// How many steps are worked on at once. What AWS throttles slows its own client down.
const ACTIONS: usize = 32;

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many steps ended with which action.
    pub done: BTreeMap<Action, usize>,
    /// Steps that failed.
    pub failed: Vec<(StepId, StepError)>,
    /// Steps that were left out, with the reason.
    pub skipped: Vec<(StepId, String)>,
    /// The person stopped it.
    pub interrupted: bool,
}

impl Report {
    /// How many steps ended with this action.
    pub fn count(&self, action: Action) -> usize {
        self.done.get(&action).copied().unwrap_or_default()
    }
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    /// Make a step, change it or record it.
    Act(StepId),
    /// Delete a step that is no longer wanted, or the old one of a step that is replaced.
    Remove(StepId),
    /// Delete the predecessor of a step whose replacement stands.
    RemoveDeposed(StepId),
}

impl Work {
    fn id(&self) -> &StepId {
        match self {
            Work::Act(id) | Work::Remove(id) | Work::RemoveDeposed(id) => id,
        }
    }
}

impl EngineContext<'_> {
    /// Does what the plan says. What happened is in the session's state, whatever happens.
    pub async fn execute(&self, mut plan: Plan, session: &Session) -> Report {
        let mut report = Report::default();
        if !plan.refusals.is_empty() {
            report.failed.extend(plan.refusals.iter().map(|refused| (refused.step.clone(), refused.error())));
            let because = "the plan has a change that can't be made: nothing was started";
            let others = plan.steps.iter().filter(|planned| planned.action != Action::Unchanged);
            let others = others.map(|planned| &planned.step.id).chain(plan.removals.iter().map(|removal| &removal.id));
            report.skipped.extend(others.map(|id| (id.clone(), because.to_owned())));
            return report;
        }
        report.failed.extend(plan.failures.iter().cloned());
        for (id, failed) in &plan.blocked {
            report.skipped.push((id.clone(), format!("{failed} can't be planned")));
        }
        let kept = session.look(|state| keep_what_is_in_use(self, &mut plan, state));
        for (id, user) in &kept {
            let stays = plan.steps.iter().any(|planned| planned.step.id == *id);
            let what = if stays { "what it replaces stays: " } else { "" };
            report.skipped.push((id.clone(), format!("{what}{user}, which may need it, can't be planned")));
        }
        for (id, before) in session.look(|state| keep_what_would_be_forgotten(self, &mut plan, state)) {
            report.skipped.push((id, format!("what {before} was before stays, and would be forgotten")));
        }
        let kept = kept.into_iter().map(|(id, _)| id).collect();
        let execution = Execution::new(self, plan, kept, session);
        let mut nodes = execution.nodes(true);
        if !schedule::circles(&nodes).is_empty() {
            nodes = execution.nodes(false);
        }
        let circles = schedule::circles(&nodes);
        if !circles.is_empty() {
            // Before anything is done: what goes is outside of the circle, what comes in its place would wait for it.
            report.failed.extend(circles.iter().map(|circle| execution.circle(circle)));
            let because = "steps wait for each other: nothing was begun";
            report.skipped.extend(nodes.keys().map(|work| (work.id().clone(), because.to_owned())));
            return report;
        }
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
        report.skipped.extend(progress.unbegun);
        report
    }
}

struct Execution<'a> {
    world: &'a EngineContext<'a>,
    steps: BTreeMap<StepId, Planned>,
    /// What goes: no longer wanted, or replaced delete-first.
    removals: BTreeMap<StepId, Removal>,
    /// What goes once its replacement stands and is used.
    deposed: BTreeMap<StepId, Removal>,
    /// What stays although its replacement stands: a later run deletes it.
    kept: BTreeSet<StepId>,
    session: &'a Session,
    progress: Mutex<Progress>,
}

struct Progress {
    outputs: BTreeMap<StepId, Value>,
    done: BTreeMap<Action, usize>,
    failed: Vec<(StepId, StepError)>,
    /// The journal can't be written: nothing more may be done.
    unwritable: Option<StepError>,
    /// What therefore wasn't begun.
    unbegun: Vec<(StepId, String)>,
}

impl<'a> Execution<'a> {
    fn new(world: &'a EngineContext<'a>, plan: Plan, kept: BTreeSet<StepId>, session: &'a Session) -> Self {
        let mut removals = BTreeMap::new();
        let mut deposed = BTreeMap::new();
        for removal in plan.removals {
            let to = if removal.deposed { &mut deposed } else { &mut removals };
            to.insert(removal.id.clone(), removal);
        }
        let mut outputs = BTreeMap::new();
        let mut steps = BTreeMap::new();
        for planned in plan.steps {
            let id = planned.step.id.clone();
            if let Some(observed) = &planned.observed {
                if planned.action == Action::Replace {
                    let old = old_of(&planned, observed);
                    if planned.create_first { &mut deposed } else { &mut removals }.insert(id.clone(), old);
                } else {
                    outputs.insert(id.clone(), observed.outputs.clone());
                }
            }
            steps.insert(id, planned);
        }
        let progress =
            Progress { outputs, done: BTreeMap::new(), failed: Vec::new(), unwritable: None, unbegun: Vec::new() };
        Execution { world, steps, removals, deposed, kept, session, progress: Mutex::new(progress) }
    }

    /// The pieces of work and what each needs:
    /// a step needs its dependencies, and its old self gone if it is replaced delete-first;
    /// a removal needs all that used the thing gone, or changed to use something else. With `unseen` that holds also for users
    /// that don't show: they may be about to.
    fn nodes(&self, unseen: bool) -> BTreeMap<Work, Node<Work>> {
        let mut nodes = BTreeMap::new();
        for (id, planned) in &self.steps {
            let needs = planned.step.dependencies().into_iter().map(Work::Act);
            let old = self.removals.contains_key(id).then(|| Work::Remove(id.clone()));
            let usually = match planned.action {
                Action::Create | Action::Replace => self.usually(planned.step.kind),
                _ => Duration::from_secs(1),
            };
            // A step of the graph keeps its original references: `planned.step` has them resolved.
            let original = self.world.graph.get(id).map(Step::dependencies).unwrap_or_default();
            let needs = needs.chain(original.into_iter().map(Work::Act)).chain(old).collect();
            nodes.insert(Work::Act(id.clone()), Node { needs, usually });
        }
        let deposed = self.deposed.iter().filter(|(id, _)| !self.kept.contains(*id)).map(|(id, r)| (id, r, true));
        for (id, removal, deposed) in self.removals.iter().map(|(id, r)| (id, r, false)).chain(deposed) {
            let mut needs = BTreeSet::new();
            let other = removal.stands_as.clone().filter(|other| self.steps.contains_key(other));
            needs.extend(other.map(Work::Act));
            for user in self.users(id, unseen) {
                if self.removals.contains_key(&user) {
                    needs.insert(Work::Remove(user.clone()));
                }
                if self.deposed.contains_key(&user) {
                    needs.insert(Work::RemoveDeposed(user.clone()));
                }
                // The user goes on to stand: it must let go first. (What is replaced delete-first is gone before its
                // users can know the new one; then the wait would be a circle.)
                let replaced_first = !deposed && self.steps.contains_key(id);
                if self.steps.contains_key(&user) && !replaced_first && !self.removals.contains_key(&user) {
                    needs.insert(Work::Act(user));
                }
            }
            if deposed && self.steps.contains_key(id) {
                needs.insert(Work::Act(id.clone()));
            }
            let work = if deposed { Work::RemoveDeposed(id.clone()) } else { Work::Remove(id.clone()) };
            nodes.insert(work, Node { needs, usually: self.usually(&removal.record.kind) / 2 });
        }
        nodes
    }

    /// Who used a thing when it was last written.
    fn users(&self, id: &StepId, unseen: bool) -> Vec<StepId> {
        let removed = self.removals.values().chain(self.deposed.values());
        let removed = removed.map(|removal| (&removal.id, &removal.record.dependencies));
        let standing = self.steps.iter().filter(|(_, planned)| unseen || planned.observed.is_some());
        let standing = standing.map(|(id, planned)| (id, &planned.used));
        let all = removed.chain(standing).filter(|(user, used)| *user != id && used.contains(id));
        all.map(|(user, _)| user.clone()).collect()
    }

    /// What has to be said of steps that wait for each other: one of them uses what can only go once it has changed, and can
    /// only change once that has gone.
    fn circle(&self, circle: &[Work]) -> (StepId, StepError) {
        let members: BTreeSet<&StepId> = circle.iter().map(Work::id).collect();
        let names: Vec<&str> = members.iter().map(|id| id.0.as_str()).collect();
        let stays = |id: &&&StepId| self.steps.get(*id).is_some_and(|planned| planned.observed.is_some());
        let users: Vec<_> = members.iter().filter(stays).filter(|id| !self.removals.contains_key(**id)).collect();
        let step = users.first().map_or_else(|| circle[0].id().clone(), |id| (**id).clone());
        let message =
            format!("{} wait for each other: each can only change or go once another one has", names.join(", "));
        let targets: Vec<String> = users.iter().map(|id| format!("--target {id}")).collect();
        let help = match targets.is_empty() {
            true => "nothing was begun: make that change in two parts".to_owned(),
            false => format!(
                "nothing was begun: make that change in two parts; or, if that may be away for a while, `provisioner destroy {}` \
                 first, then apply",
                targets.join(" ")
            ),
        };
        (step, StepError::new(message).with_help(help))
    }

    fn usually(&self, kind: &str) -> Duration {
        self.world
            .provider
            .operations(kind)
            .map_or(Duration::ZERO, |operations| operations.type_info().typical_create_time)
    }

    async fn perform(&self, work: Work) -> bool {
        if self.lock().unwritable.is_some() {
            let because = "what is done can't be put down any more".to_owned();
            self.world.observer.on(Event::StepSkipped { step: work.id().clone(), because: because.clone() });
            self.lock().unbegun.push((work.id().clone(), because));
            return false;
        }
        let (id, action, outcome) = match &work {
            Work::Act(id) => {
                let planned = &self.steps[id];
                (id, planned.action, self.act(planned).await)
            }
            Work::Remove(id) => {
                let removal = &self.removals[id];
                (id, removal.action, self.remove(removal, false).await.map(|()| removal.action))
            }
            Work::RemoveDeposed(id) => {
                let removal = &self.deposed[id];
                (id, removal.action, self.remove(removal, true).await.map(|()| removal.action))
            }
        };
        let is_old = matches!(&work, Work::Remove(id) | Work::RemoveDeposed(id) if self.steps.contains_key(id));
        let mut progress = self.lock();
        match outcome {
            Ok(done) => {
                // The removal of an old self is part of a replacement, which counts once.
                if !is_old {
                    *progress.done.entry(done).or_default() += 1;
                }
                true
            }
            Err(error) => {
                self.world.observer.on(Event::StepFailed { step: id.clone(), action, error: error.clone() });
                progress.failed.push((id.clone(), error));
                false
            }
        }
    }

    /// Does what is planned for a step, and tells what it came to: a value that was unknown when the plan was made may turn
    /// out to be the one that stands.
    async fn act(&self, planned: &Planned) -> Result<Action, StepError> {
        let original = self.world.graph.get(&planned.step.id).unwrap_or(&planned.step);
        let operations = self.world.provider.operations(original.kind)?;
        let step = plan::resolve(original, &self.lock().outputs, operations)?;
        if reference::is_unknown(&step.spec) {
            return Err(StepError::new("a value that it needs is not known although its step is done"));
        }
        let start = Instant::now();
        if let (Some(observed), true) = (&planned.observed, planned.postponed) {
            self.lock().outputs.insert(step.id.clone(), observed.outputs.clone());
            if planned.record.is_none() {
                self.stands(&step.id, old_of(planned, observed).record).await?;
            }
            return Ok(Action::Unchanged);
        }
        if let (Some(observed), false) = (&planned.observed, planned.action == Action::Replace) {
            // What was unknown when the plan was made is known now: look at the fields again.
            let (action, changes) = plan::compare(operations, &step, Some(observed), planned.record.as_ref());
            return match action {
                Action::Unchanged | Action::Adopt => self.keep(&step, observed, planned).await.map(|()| action),
                _ => {
                    let refused = refused_changes(operations, &step, observed, &changes)?;
                    if let Some(refused) = refused.first() {
                        return Err(refused.error());
                    }
                    self.started(&step, Action::Update, operations);
                    self.update(operations, &step, observed, &changes, planned).await?;
                    self.done(&step.id, Action::Update, start);
                    Ok(Action::Update)
                }
            };
        }
        self.started(&step, planned.action, operations);
        let dependencies = original.dependencies();
        let intent =
            self.session.look(|state| Intent { dependencies, ..plan::intent(&step, state.intents.get(&step.id)) });
        let mut entries = Vec::new();
        let replaced = planned.action == Action::Replace && planned.create_first;
        if let (Some(old), true) = (self.deposed.get(&step.id), replaced) {
            // One that a dead run has made is remembered now, or its successor's intent would hide it.
            let done = Entry::Done { step: step.id.clone(), record: Box::new(old.record.clone()) };
            entries.extend(planned.record.is_none().then_some(done));
            entries.push(Entry::Deposed { step: step.id.clone() });
        }
        entries.push(Entry::Intent { step: step.id.clone(), intent: Box::new(intent.clone()) });
        self.record(entries).await?;
        let predecessor = self.deposed.get(&step.id).map(|removal| &removal.record.outputs);
        let target = Target { step: &step, known: None, token: &intent.token, predecessor };
        let outputs = operations.create(target).await?;
        let is_old = predecessor == Some(&outputs);
        self.stands(&step.id, intent.fulfilled(outputs)).await?;
        if is_old {
            let message =
                "AWS gave back the one that stands: a second one can't stand beside it, so it isn't made anew";
            let help = "it was left as it is: delete it with what uses it (`provisioner destroy --target`), then apply";
            return Err(StepError::new(message).with_help(help));
        }
        self.done(&step.id, planned.action, start);
        Ok(planned.action)
    }

    async fn update(
        &self,
        operations: &dyn Operations,
        step: &Step,
        observed: &Observed,
        changes: &[super::FieldChange],
        planned: &Planned,
    ) -> Result<(), StepError> {
        let dependencies = self.world.graph.get(&step.id).unwrap_or(step).dependencies();
        if !dependencies.is_subset(&planned.used) {
            self.record([Entry::Updating { step: step.id.clone(), dependencies }]).await?;
        }
        let (tags, fields): (Vec<_>, Vec<_>) =
            changes.iter().cloned().partition(|change| change.path.starts_with("tags."));
        let mut outputs = observed.outputs.clone();
        // Tags first: they say whose it is.
        if !tags.is_empty() {
            let key = |path: &str| path.trim_start_matches("tags.").to_owned();
            let set: Tags = tags
                .iter()
                .filter_map(|change| Some((key(&change.path), change.new.as_ref()?.as_str()?.to_owned())))
                .collect();
            let remove: Vec<String> =
                tags.iter().filter(|change| change.new.is_none()).map(|change| key(&change.path)).collect();
            operations.tag(step, &outputs, &set, &remove).await?;
        }
        if !fields.is_empty() {
            let target = Target { step, known: Some(&observed.outputs), token: "", predecessor: None };
            outputs = operations.update(target, observed, &fields).await?;
        }
        self.stands(&step.id, self.record_of(step, outputs, planned)).await
    }

    /// Nothing to do in AWS; the state may still have to learn of it.
    async fn keep(&self, step: &Step, observed: &Observed, planned: &Planned) -> Result<(), StepError> {
        let record = self.record_of(step, observed.outputs.clone(), planned);
        match &planned.record {
            Some(old) if Record { updated_at: old.updated_at, ..record.clone() } == *old => Ok(()),
            _ => self.stands(&step.id, record).await,
        }
    }

    fn record_of(&self, step: &Step, outputs: Value, planned: &Planned) -> Record {
        let original = self.world.graph.get(&step.id).unwrap_or(step);
        let now = Timestamp::now();
        Record {
            kind: step.kind.to_owned(),
            region: step.region.clone(),
            outputs,
            spec: step.spec.clone(),
            tags: step.tags.clone(),
            dependencies: original.dependencies(),
            shared: step.shared,
            created_at: planned.record.as_ref().map_or(now, |record| record.created_at),
            updated_at: now,
        }
    }

    async fn stands(&self, id: &StepId, record: Record) -> Result<(), StepError> {
        self.lock().outputs.insert(id.clone(), record.outputs.clone());
        self.record([Entry::Done { step: id.clone(), record: Box::new(record) }]).await
    }

    async fn remove(&self, removal: &Removal, deposed: bool) -> Result<(), StepError> {
        let start = Instant::now();
        let operations = self.world.provider.operations(&removal.record.kind)?;
        let step = plan::step_of(&removal.id, &removal.record, operations.type_info().kind);
        let outputs = &removal.record.outputs;
        if removal.action != Action::Forget {
            self.started(&step, removal.action, operations);
            self.record([Entry::Deleting { step: removal.id.clone() }]).await?;
        }
        match removal.action {
            Action::Forget => {}
            Action::Leave => {
                operations.tag(&step, outputs, &Tags::new(), &[self.world.owner.use_mark()]).await?;
            }
            _ => operations.delete(&step, outputs).await?,
        }
        self.record([Entry::Deleted { step: removal.id.clone(), deposed }]).await?;
        if removal.action != Action::Forget {
            self.done(&removal.id, removal.action, start);
        }
        Ok(())
    }

    async fn record(&self, entries: impl IntoIterator<Item = Entry>) -> Result<(), StepError> {
        self.session.record(entries).await.map_err(|error| {
            let error = StepError::new(error.to_string());
            self.lock().unwritable = Some(error.clone());
            error
        })
    }

    fn started(&self, step: &Step, action: Action, operations: &dyn Operations) {
        let usually = operations.type_info().typical_create_time;
        self.world.observer.on(Event::StepStarted { step: step.id.clone(), kind: step.kind, action, usually });
    }

    fn done(&self, step: &StepId, action: Action, start: Instant) {
        self.world.observer.on(Event::StepDone { step: step.clone(), action, took: start.elapsed() });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().expect("no panic holds this lock")
    }
}

/// Takes out of the plan the removals of what a step uses that can't be planned: nobody knows whether it still needs it.
/// Gives what was taken out, each with the user; and the steps that are replaced, and whose old selves have to stay.
fn keep_what_is_in_use(world: &EngineContext<'_>, plan: &mut Plan, state: &State) -> Vec<(StepId, StepId)> {
    let mut users: Vec<StepId> =
        plan.failures.iter().map(|(id, _)| id).chain(plan.blocked.iter().map(|(id, _)| id)).cloned().collect();
    let mut kept = Vec::new();
    // It may be the very thing, under another name: nobody could look.
    let unknown = users.iter().filter(|id| !state.steps.contains_key(*id));
    let unknown: Vec<_> = unknown.filter_map(|id| world.graph.get(id)).collect();
    plan.removals.retain(|removal| {
        let may_be = |step: &&&Step| removal.record.kind == step.kind && removal.record.region == step.region;
        let step = unknown.iter().find(may_be).filter(|_| !removal.deposed);
        kept.extend(step.map(|step| (removal.id.clone(), step.id.clone())));
        step.is_none()
    });
    users.extend(kept.iter().map(|(id, _)| id.clone()));
    while let Some(user) = users.pop() {
        let records = [state.steps.get(&user), state.deposed.get(&user)];
        let records = records.into_iter().flatten().map(|record| &record.dependencies);
        let announced = state.intents.get(&user).map(|intent| &intent.dependencies);
        let used: BTreeSet<&StepId> = records.chain(announced).flatten().collect();
        let removals = std::mem::take(&mut plan.removals);
        let (taken, left) = removals.into_iter().partition(|removal: &Removal| used.contains(&removal.id));
        plan.removals = left;
        let taken = taken.into_iter().map(|removal| removal.id);
        let goes_last = |planned: &&Planned| planned.action == Action::Replace && planned.create_first;
        let replaced = plan.steps.iter().filter(goes_last).map(|planned| planned.step.id.clone());
        let replaced = replaced.filter(|id| used.contains(id) && !kept.iter().any(|(kept, _)| kept == id));
        let taken: Vec<_> = taken.chain(replaced).collect();
        kept.extend(taken.iter().map(|id| (id.clone(), user.clone())));
        users.extend(taken);
    }
    kept
}

/// Takes out of the plan the steps that have moved region or become another type, and whose old selves don't go in this run: the
/// state knows one thing a step, and would tell of the new one only. With them what needs them. Gives what was taken out, each
/// with the step that moved.
fn keep_what_would_be_forgotten(world: &EngineContext<'_>, plan: &mut Plan, state: &State) -> Vec<(StepId, StepId)> {
    let goes: BTreeSet<&StepId> =
        plan.removals.iter().filter(|removal| !removal.deposed).map(|removal| &removal.id).collect();
    let has_moved = |step: &Step| {
        let record = state.steps.get(&step.id).map(|record| (&record.kind, &record.region));
        let intent = state.intents.get(&step.id).map(|intent| (&intent.kind, &intent.region));
        let is_another = |(kind, region): (&String, &String)| !world.is_of(kind, region, step);
        record.or(intent).is_some_and(is_another)
    };
    let planned: BTreeSet<&StepId> = plan.steps.iter().map(|planned| &planned.step.id).collect();
    let mut taken: BTreeMap<StepId, StepId> = BTreeMap::new();
    for step in world.graph.in_order().filter(|step| planned.contains(&step.id)) {
        let stays = has_moved(step) && !goes.contains(&step.id);
        let moved = stays.then_some(&step.id);
        let needed = || step.dependencies().iter().find_map(|need| taken.get(need).cloned());
        if let Some(moved) = moved.cloned().or_else(needed) {
            taken.insert(step.id.clone(), moved);
        }
    }
    plan.steps.retain(|planned| !taken.contains_key(&planned.step.id));
    taken.into_iter().collect()
}

/// The old self of a step that is replaced.
fn old_of(planned: &Planned, observed: &Observed) -> Removal {
    let now = Timestamp::now();
    let record = planned.record.clone().unwrap_or_else(|| Record {
        kind: planned.step.kind.to_owned(),
        region: planned.step.region.clone(),
        outputs: Value::Null,
        spec: observed.spec.clone(),
        tags: planned.step.tags.clone(),
        dependencies: planned.used.clone(),
        shared: planned.step.shared,
        created_at: now,
        updated_at: now,
    });
    let record = Record { outputs: observed.outputs.clone(), ..record };
    Removal { id: planned.step.id.clone(), record, action: Action::Delete, deposed: false, stands_as: None }
}
