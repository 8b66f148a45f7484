//! Makes a plan: observes every desired and every recorded resource, and decides what happens to it. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;

use super::advice::Advice;
use super::compare::{compare, differing_fields, resolve};
use super::context::EngineContext;
use super::diff::FieldChange;
use super::error::StepError;
use super::operations::{Observed, Operations, Target};
use super::ownership::Provenance;
use super::plan::{Action, Plan, Planned};
use super::progress::{Progress, READS};
use super::reference;
use super::refusal::{RefusedChange, refused_changes};
use super::removals;
use super::schedule::{self, Node, Outcome};
use super::step::{Step, StepId};
use super::type_info::TypeInfo;
use super::unmanaged::check_managed;
use crate::state::{Intent, Record, State};

impl EngineContext<'_> {
    /// Observes every desired and every recorded resource and decides what happens to it.
    pub async fn plan(&self, state: &State) -> Plan {
        let total = self.graph.len() + removals::undesired(self, state).count();
        let progress = Progress::new(self.observer, total);
        let planning = Planning { engine: self, state, progress: &progress, results: Mutex::default() };
        let nodes: BTreeMap<StepId, Node<StepId>> = self
            .graph
            .in_order()
            .map(|step| (step.id.clone(), Node { needs: step.dependencies(), typical_time: Duration::from_secs(1) }))
            .collect();
        let (outcomes, (mut removals, failed_removals)) = futures::join!(
            schedule::run(&nodes, READS, self.stop.clone(), |id| planning.step(id)),
            removals::plan(self, state, &progress),
        );
        let Results { mut planned, mut failures, mut refusals, .. } =
            planning.results.into_inner().expect("no panic holds this lock");
        removals::forget_renamed(self, &mut removals, &planned);
        refusals.sort_by(|a, b| a.step.cmp(&b.step));
        failures.extend(failed_removals);
        let blocked_by_replacement = self.refuse_blocked_replacements(&mut planned, &mut failures, state);
        let blocked = outcomes.into_iter().filter_map(|(id, outcome)| match outcome {
            Outcome::NeedsFailed(failed) => Some((id, failed)),
            _ => None,
        });
        let plan = Plan {
            steps: self.graph.in_order().filter_map(|step| planned.remove(&step.id)).collect(),
            removals,
            failures,
            refusals,
            blocked: blocked.chain(blocked_by_replacement).collect(),
        };
        self.selection.limit(plan, self.graph, state)
    }
}

struct Planning<'a> {
    engine: &'a EngineContext<'a>,
    state: &'a State,
    progress: &'a Progress<'a>,
    results: Mutex<Results>,
}

#[derive(Default)]
struct Results {
    outputs: BTreeMap<StepId, Value>,
    planned: BTreeMap<StepId, Planned>,
    failures: Vec<(StepId, StepError)>,
    refusals: Vec<RefusedChange>,
}

/// What the state has about a step. Records of another type or region aren't the step's.
struct Known<'a> {
    record: Option<&'a Record>,
    intent: Option<&'a Intent>,
    deposed: Option<&'a Record>,
}

impl<'a> Known<'a> {
    fn target(&self, step: &'a Step) -> Target<'a> {
        let known = self.record.map(|record| &record.outputs);
        let token = self.intent.filter(|_| known.is_none()).map_or("", |intent| &intent.token);
        Target { step, known, token, predecessor: self.deposed.map(|record| &record.outputs) }
    }

    fn dependencies(&self) -> BTreeSet<StepId> {
        let recorded = self.record.iter().flat_map(|record| &record.dependencies);
        recorded.chain(self.intent.iter().flat_map(|intent| &intent.dependencies)).cloned().collect()
    }
}

/// How a step is replaced.
struct Replacement {
    create_before_destroy: bool,
    postponed: bool,
}

impl Planning<'_> {
    /// Plans one step. True if that succeeded: then its dependents can be planned.
    async fn step(&self, id: StepId) -> bool {
        let step = self.engine.graph.get(&id).expect("the nodes are the steps of the graph");
        let outcome = self.plan_step(step).await;
        self.progress.advance();
        let mut results = self.results();
        match outcome {
            Ok(planned) => {
                if let (Some(observed), true) = (&planned.observed, planned.action != Action::Replace) {
                    results.outputs.insert(id.clone(), observed.outputs.clone());
                }
                results.planned.insert(id, planned);
                true
            }
            Err(error) => {
                results.failures.push((id, error));
                false
            }
        }
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().expect("no panic holds this lock")
    }

    async fn plan_step(&self, desired: &Step) -> Result<Planned, StepError> {
        let operations = self.engine.provider.operations(desired.kind)?;
        let step = resolve(desired, &self.results().outputs, operations)?;
        let known = self.known(&step);
        let used = known.dependencies();
        let (observed, known) = find(operations, &step, known).await?;
        if let Some(observed) = &observed {
            self.check_owned(operations, &step, observed, &known)?;
        }
        let (action, changes) = self.decide(operations, &step, observed.as_ref(), &known)?;
        let replacement = self.replacement(operations.type_info(), &step, action);
        let action = if replacement.postponed { Action::Unchanged } else { action };
        let record = known.record.cloned();
        let Replacement { create_before_destroy, postponed } = replacement;
        Ok(Planned { step, action, changes, observed, record, used, create_before_destroy, postponed })
    }

    fn known(&self, step: &Step) -> Known<'_> {
        let is_same = |kind: &str, region: &str| self.engine.is_same_place(kind, region, step);
        let record = self.state.steps.get(&step.id).filter(|record| is_same(&record.kind, &record.region));
        let intent = self.state.intents.get(&step.id).filter(|intent| is_same(&intent.kind, &intent.region));
        Known { record, intent, deposed: self.state.deposed.get(&step.id) }
    }

    /// Refuses an actual resource that isn't the step's.
    fn check_owned(
        &self,
        operations: &dyn Operations,
        step: &Step,
        observed: &Observed,
        known: &Known<'_>,
    ) -> Result<(), StepError> {
        let provenance = match (known.record, known.intent) {
            (Some(_), _) => Provenance::Recorded,
            (None, Some(_)) if operations.type_info().no_tag_on_create => Provenance::Intended,
            _ => Provenance::Unknown,
        };
        // A resource without tags is ours by its name only if it is exactly what the intent, or the step, asks for.
        let intended = known.intent.map(|intent| Step { spec: intent.spec.clone(), ..step.clone() });
        let is_intended = intended.is_some_and(|intended| differing_fields(operations, &intended, observed).is_empty());
        let is_desired = self.engine.adopt_by_name
            && !reference::is_unknown(&step.spec)
            && differing_fields(operations, step, observed).is_empty();
        check_managed(self.engine, step, observed, provenance, is_intended || is_desired)
    }

    /// The action of a step. A forced replacement comes before the comparison, a refused change after it.
    fn decide(
        &self,
        operations: &dyn Operations,
        step: &Step,
        observed: Option<&Observed>,
        known: &Known<'_>,
    ) -> Result<(Action, Vec<FieldChange>), StepError> {
        let (action, changes) = compare(operations, step, observed, known.record);
        let Some(observed) = observed else { return Ok((action, changes)) };
        if self.engine.selection.replaced.contains(&step.id) {
            if step.shared && self.engine.is_used_by_others(observed) {
                return Err(StepError::new("other deployments use it too: it can't be replaced from here"));
            }
            return Ok((Action::Replace, changes));
        }
        if action == Action::Update {
            let refused = refused_changes(operations, step, observed, &changes)?;
            if !refused.is_empty() {
                self.results().refusals.extend(refused);
                return Ok((Action::Unchanged, changes));
            }
        }
        Ok((action, changes))
    }

    /// How a step is replaced. The state can record one deposed object of a step, so that a replacement before the last one is
    /// complete either deletes the unused intermediate first (dependents keep using the old revision), or is postponed: this
    /// run leads the dependents to the present resource and deletes the deposed one.
    fn replacement(&self, info: TypeInfo, step: &Step, action: Action) -> Replacement {
        let is_incomplete = action == Action::Replace && self.state.deposed.contains_key(&step.id);
        if !is_incomplete {
            return Replacement { create_before_destroy: info.create_before_destroy, postponed: false };
        }
        if info.usable_after_delete {
            return Replacement { create_before_destroy: false, postponed: false };
        }
        let error = StepError::new("needs another replacement, but the deposed object of the last one still exists");
        self.results().failures.push((step.id.clone(), error.with_advice(Advice::CompleteReplacement)));
        Replacement { create_before_destroy: info.create_before_destroy, postponed: true }
    }
}

/// The actual resource of a step: by its recorded outputs, else by its name or tags. `known` loses its record if the recorded
/// resource is gone and another one was found.
async fn find<'a>(
    operations: &dyn Operations,
    step: &Step,
    known: Known<'a>,
) -> Result<(Option<Observed>, Known<'a>), StepError> {
    let target = known.target(step);
    if let Some(observed) = operations.observe(target.clone()).await? {
        return Ok((Some(observed), known));
    }
    if known.record.is_some() {
        // An older state may have been restored: look for a resource that was created since.
        let observed = operations.observe(Target { known: None, token: "", ..target }).await?;
        let record = known.record.filter(|_| observed.is_none());
        return Ok((observed, Known { record, ..known }));
    }
    match known.intent.filter(|intent| intent.spec != step.spec) {
        // A run ended during the create of another spec, perhaps under another name.
        Some(intent) => {
            let intended = Step { spec: intent.spec.clone(), ..step.clone() };
            let observed = operations.observe(Target { step: &intended, ..target }).await?;
            Ok((observed, known))
        }
        None => Ok((None, known)),
    }
}
