//! What has to be done: what is wanted against what stands. Planning reads, and changes nothing anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::diff::{FieldChange, diff};
use super::events::{Event, Observer};
use super::graph::Graph;
use super::operations::{Observed, Operations, Provider, StepError, Target};
use super::ownership::{self, Owner, Ownership, Provenance};
use super::reference::{self, Reference};
use super::refusal::{self, RefusedChange};
use super::schedule::{self, Node, Outcome};
use super::selection::Selection;
use super::step::{Step, StepId, Tags};
use crate::state::{Intent, Record, State};

/// How many reads are under way at once.
pub(super) const READS: usize = 24;

/// What happens to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It stands as wanted.
    Unchanged,
    /// It is made.
    Create,
    /// It stands as wanted, made by a run that died before it could record it: it is recorded now.
    Adopt,
    /// It is changed in place.
    Update,
    /// It is made anew, as AWS can't change it in place.
    Replace,
    /// It is deleted.
    Delete,
    /// Others use it too: only our mark is taken off.
    Leave,
    /// It is gone from AWS and not wanted: it is forgotten.
    Forget,
}

/// A wanted step.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The step; its spec resolved as far as outputs are known.
    pub step: Step,
    /// What happens to it.
    pub action: Action,
    /// The fields that differ, if it stands.
    pub changes: Vec<FieldChange>,
    /// What stands.
    pub observed: Option<Observed>,
    /// What the state remembers.
    pub record: Option<Record>,
    /// The steps that it used when it was last written, or may use if a run died over it.
    pub used: BTreeSet<StepId>,
    /// If it is replaced, the new one comes before the old one goes.
    pub create_first: bool,
    /// It stands, and is to be replaced once the predecessor of its last replacement is gone: it is left as it is.
    pub postponed: bool,
}

/// Something that stands, or may stand, and isn't wanted.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Where it stood in the system.
    pub id: StepId,
    /// What the state remembers.
    pub record: Record,
    /// `Delete`, `Leave` or `Forget`.
    pub action: Action,
    /// It is the predecessor of a step that was replaced.
    pub deposed: bool,
    /// The wanted step that it stands as by now: it is only forgotten under this name, once it is remembered under that.
    pub stands_as: Option<StepId>,
}

/// Something that customers' requests go through, and that is planned to be away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// Which step.
    pub step: StepId,
    /// `blue`, `green`, `shared`.
    pub environment: String,
}

/// All that has to be done.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The wanted steps, each after all that it needs.
    pub steps: Vec<Planned>,
    /// What goes.
    pub removals: Vec<Removal>,
    /// Steps that can't be planned.
    pub failures: Vec<(StepId, StepError)>,
    /// Changes that AWS can't make while the resource exists. Their steps are planned as unchanged; `execute` changes nothing of
    /// a plan that has any.
    pub refusals: Vec<RefusedChange>,
    /// Steps that need one that can't be planned.
    pub blocked: Vec<(StepId, StepId)>,
}

impl Plan {
    /// True if there is nothing to do. What is only to be recorded or forgotten is something to do, as it may come from
    /// a crash.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.refusals.is_empty() && !self.has_changes()
    }

    /// True if there is something to do that can be planned.
    pub fn has_changes(&self) -> bool {
        !self.removals.is_empty() || self.steps.iter().any(|planned| planned.action != Action::Unchanged)
    }

    /// Refuses a plan with changes that AWS can't make while the resource exists.
    pub fn check_refusals(&self) -> Result<(), StepError> {
        refusal::check(&self.refusals)
    }

    /// How many steps and removals have this action.
    pub fn count(&self, action: Action) -> usize {
        let steps = self.steps.iter().filter(|planned| planned.action == action).count();
        steps + self.removals.iter().filter(|removal| removal.action == action).count()
    }
}

/// What planning and executing look at.
pub struct EngineContext<'a> {
    /// Whose system it is.
    pub owner: &'a Owner,
    /// What is wanted.
    pub graph: &'a Graph,
    /// Finds the operations of a type.
    pub provider: &'a dyn Provider,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// Turns true when the person wants to stop.
    pub stop: watch::Receiver<bool>,
    /// What carries no tags and is no part of something that does is a step's by its name alone.
    pub takes_names: bool,
    /// What of it is planned, and what is made anew.
    pub selection: Selection,
}

impl EngineContext<'_> {
    /// The same for what people have named.
    pub fn selecting(self, selection: Selection) -> Self {
        EngineContext { selection, ..self }
    }

    /// Observes all that is wanted or remembered, and decides.
    pub async fn plan(&self, state: &State) -> Plan {
        let planning = Planning {
            world: self,
            state,
            total: self.graph.len() + self.unwanted(state).count(),
            observed: AtomicUsize::new(0),
            outputs: Mutex::default(),
            planned: Mutex::default(),
            failures: Mutex::default(),
            refusals: Mutex::default(),
        };
        let nodes: BTreeMap<StepId, Node<StepId>> = self
            .graph
            .in_order()
            .map(|step| (step.id.clone(), Node { needs: step.dependencies(), usually: Duration::from_secs(1) }))
            .collect();
        let (outcomes, mut removals) = futures::join!(
            schedule::run(&nodes, READS, self.stop.clone(), |id| planning.step(id)),
            planning.removals(),
        );
        let mut planned = planning.planned.into_inner().expect("no panic holds this lock");
        self.forget_desired(&mut removals, &planned);
        let mut failures = planning.failures.into_inner().expect("no panic holds this lock");
        let mut refusals = planning.refusals.into_inner().expect("no panic holds this lock");
        refusals.sort_by(|a, b| a.step.cmp(&b.step));
        let held = self.refuse_blocked_replacements(&mut planned, &mut failures, state);
        let blocked = outcomes.into_iter().filter_map(|(id, outcome)| match outcome {
            Outcome::NeedsFailed(failed) => Some((id, failed)),
            _ => None,
        });
        let plan = Plan {
            steps: self.graph.in_order().filter_map(|step| planned.remove(&step.id)).collect(),
            removals,
            failures,
            refusals,
            blocked: blocked.chain(held).collect(),
        };
        self.selection.limit(plan, self.graph, state)
    }
}

impl EngineContext<'_> {
    /// The steps that are planned to go although what they hold can't be made again.
    pub fn data_losses(&self, plan: &Plan) -> Vec<StepId> {
        let holds_data =
            |kind: &str| self.provider.operations(kind).is_ok_and(|operations| operations.type_info().stateful);
        let replaced = plan.steps.iter().filter(|planned| planned.action == Action::Replace);
        let replaced = replaced.filter(|planned| holds_data(planned.step.kind)).map(|planned| planned.step.id.clone());
        let deleted = plan.removals.iter().filter(|removal| removal.action == Action::Delete);
        let deleted = deleted.filter(|removal| holds_data(&removal.record.kind)).map(|removal| removal.id.clone());
        replaced.chain(deleted).collect()
    }

    /// The steps through which customers' requests go and that are planned to be away, if only for a moment. With `all`, also
    /// whatever else is made anew or goes of an environment: a route, a rule.
    pub fn interruptions(&self, plan: &Plan, all: bool) -> Vec<Interruption> {
        let is = |kind: &str, test: fn(&dyn Operations) -> bool| self.provider.operations(kind).is_ok_and(test);
        let interruption = |step: &StepId, kind: &str, tags: &Tags| {
            let environment = tags.get("Environment").cloned().unwrap_or_default();
            let counts = is(kind, |it| it.type_info().serves_traffic)
                || (all && ["blue", "green"].contains(&environment.as_str()));
            counts.then(|| Interruption { step: step.clone(), environment })
        };
        let replaced = plan.steps.iter().filter(|planned| planned.action == Action::Replace);
        let replaced = replaced.filter(|planned| all || !planned.create_first);
        let replaced =
            replaced.filter_map(|planned| interruption(&planned.step.id, planned.step.kind, &planned.step.tags));
        let deleted = plan.removals.iter().filter(|removal| removal.action == Action::Delete && !removal.deposed);
        let deleted =
            deleted.filter_map(|removal| interruption(&removal.id, &removal.record.kind, &removal.record.tags));
        replaced.chain(deleted).collect()
    }

    /// Refuses to make something anew by people's wish if what follows it can't be made anew.
    pub fn check_forced_replacements(&self, plan: &Plan) -> Result<(), StepError> {
        let wished = !self.selection.replaced.is_empty();
        for planned in plan.steps.iter().filter(|planned| wished && planned.action == Action::Replace) {
            if let Some(why) = self.provider.operations(planned.step.kind)?.type_info().no_forced_replace {
                let message = format!("{} would be made anew, and can't be: {why}", planned.step.id);
                let help = "nothing was changed: leave --replace out; what is wrong `provisioner plan` shows, and `apply` mends";
                return Err(StepError::new(message).with_help(help));
            }
        }
        Ok(())
    }

    /// What goes before its successor comes, and is held by what stays: AWS would refuse to delete it, half-way. Neither that nor
    /// what needs it is planned. Gives what needs it, each with it.
    fn refuse_blocked_replacements(
        &self,
        planned: &mut BTreeMap<StepId, Planned>,
        failures: &mut Vec<(StepId, StepError)>,
        state: &State,
    ) -> Vec<(StepId, StepId)> {
        let goes_first = |planned: &Planned| planned.action == Action::Replace && !planned.create_first;
        let mut blocked = Vec::new();
        loop {
            let holder = |held: &Planned| {
                if !goes_first(held) {
                    return None;
                }
                let stays = |user: &&Step| match planned.get(&user.id) {
                    Some(user) => user.observed.is_some() && !goes_first(user),
                    None => state.steps.contains_key(&user.id),
                };
                let users = self.graph.in_order().filter(|user| user.dependencies().contains(&held.step.id));
                users
                    .filter(|user| self.provider.blocks_deletion(user.kind, held.step.kind))
                    .find(stays)
                    .map(|user| user.id.clone())
            };
            let found = planned.values().find_map(|held| Some((held.step.id.clone(), holder(held)?)));
            let Some((held, holder)) = found else { return blocked };
            let message = format!("it would be made anew, and {holder} holds it: AWS doesn't delete it under that");
            let help = format!(
                "undo that change, or leave --replace out; or, if that may be away for a while, `provisioner destroy --target \
                 {holder}` first, then apply"
            );
            planned.remove(&held);
            failures.push((held.clone(), StepError::new(message).with_help(help)));
            let mut unplanned = BTreeSet::from([held.clone()]);
            for step in self.graph.in_order() {
                if !step.dependencies().is_disjoint(&unplanned) && planned.remove(&step.id).is_some() {
                    unplanned.insert(step.id.clone());
                    blocked.push((step.id.clone(), held.clone()));
                }
            }
        }
    }

    /// What goes under one name and stays under another (a step that was renamed, and is called otherwise in AWS still, or
    /// again in the configuration) is one thing, and stays.
    fn forget_desired(&self, removals: &mut [Removal], planned: &BTreeMap<StepId, Planned>) {
        for removal in removals {
            let Record { kind, region, outputs, spec, .. } = &removal.record;
            let is_same = |planned: &Planned| {
                let is_it = |stands: &Observed| {
                    // What carries no tags is told apart by what is wanted of it.
                    stands.outputs == *outputs || (stands.tags().is_none() && planned.step.spec == *spec)
                };
                self.is_of(kind, region, &planned.step) && planned.observed.as_ref().is_some_and(is_it)
            };
            let same = planned.values().find(|planned| !outputs.is_null() && is_same(planned));
            if let Some(same) = same.filter(|same| !removal.deposed || same.step.id != removal.id) {
                removal.action = Action::Forget;
                removal.stands_as = Some(same.step.id.clone());
            }
        }
    }

    fn is_used_by_others(&self, observed: &Observed) -> bool {
        observed.tags().is_some_and(|tags| self.owner.has_other_users(tags))
    }

    /// What is remembered and not wanted, the predecessors of replaced steps included.
    fn unwanted<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (&'a StepId, Record, bool)> {
        let is_wanted = |id: &StepId, kind: &str, region: &str| {
            self.graph.get(id).is_some_and(|step| self.is_of(kind, region, step))
        };
        let steps = state.steps.iter().filter(move |(id, record)| !is_wanted(id, &record.kind, &record.region));
        let steps = steps.map(|(id, record)| (id, record.clone(), false));
        // What was announced elsewhere may stand there.
        let intents = state.intents.iter().filter(move |(id, intent)| !is_wanted(id, &intent.kind, &intent.region));
        let intents = intents.filter(|(id, _)| !state.steps.contains_key(*id));
        let intents = intents.map(|(id, intent)| (id, intent.fulfilled(Value::Null), false));
        let deposed = state.deposed.iter().map(|(id, record)| (id, record.clone(), true));
        steps.chain(intents).chain(deposed)
    }

    /// False for a step that has become another type or has moved to another region: then what stands goes, and the step
    /// is made anew.
    pub(super) fn is_of(&self, kind: &str, region: &str, step: &Step) -> bool {
        let global = || self.provider.operations(kind).is_ok_and(|operations| operations.type_info().global);
        kind == step.kind && (region == step.region || global())
    }
}

struct Planning<'a> {
    world: &'a EngineContext<'a>,
    state: &'a State,
    total: usize,
    observed: AtomicUsize,
    outputs: Mutex<BTreeMap<StepId, Value>>,
    planned: Mutex<BTreeMap<StepId, Planned>>,
    failures: Mutex<Vec<(StepId, StepError)>>,
    refusals: Mutex<Vec<RefusedChange>>,
}

impl Planning<'_> {
    async fn step(&self, id: StepId) -> bool {
        let step = self.world.graph.get(&id).expect("the nodes are the steps of the graph");
        let outcome = self.decide(step).await;
        self.told();
        match outcome {
            Ok(planned) => {
                if let (Some(observed), true) = (&planned.observed, planned.action != Action::Replace) {
                    self.outputs.lock().expect("no panic holds this lock").insert(id.clone(), observed.outputs.clone());
                }
                self.planned.lock().expect("no panic holds this lock").insert(id, planned);
                true
            }
            Err(error) => {
                self.failures.lock().expect("no panic holds this lock").push((id, error));
                false
            }
        }
    }

    async fn decide(&self, step: &Step) -> Result<Planned, StepError> {
        let operations = self.world.provider.operations(step.kind)?;
        let step = {
            let outputs = self.outputs.lock().expect("no panic holds this lock");
            resolve(step, &outputs, operations)?
        };
        let remembered = self
            .state
            .steps
            .get(&step.id)
            .filter(|record| self.world.is_of(&record.kind, &record.region, &step))
            .cloned();
        let intent = self.state.intents.get(&step.id);
        let intent = intent.filter(|intent| self.world.is_of(&intent.kind, &intent.region, &step));
        let known = remembered.as_ref().map(|record| &record.outputs);
        let predecessor = self.state.deposed.get(&step.id).map(|record| &record.outputs);
        let token = intent.filter(|_| known.is_none()).map_or("", |intent| &intent.token);
        let mut observed = operations.observe(Target { step: &step, known, token, predecessor }).await?;
        let mut is_another = false;
        if let (None, Some(_)) = (&observed, known) {
            // What is remembered is gone. The state may be an older one: what was made since is found by its name or tags.
            observed = operations.observe(Target { step: &step, known: None, token: "", predecessor }).await?;
            is_another = observed.is_some();
        }
        if let (None, None, Some(intent)) = (&observed, known, intent.filter(|intent| intent.spec != step.spec)) {
            // A run died over it when it was wanted otherwise, by another name perhaps.
            let then = Step { spec: intent.spec.clone(), ..step.clone() };
            observed = operations.observe(Target { step: &then, known, token, predecessor }).await?;
        }
        let used = remembered.iter().flat_map(|record| &record.dependencies);
        let used = used.chain(intent.iter().flat_map(|intent| &intent.dependencies)).cloned().collect();
        let record = remembered.filter(|_| !is_another);
        if let Some(observed) = &observed {
            let provenance = match (&record, intent) {
                (Some(_), _) => Provenance::Recorded,
                (None, Some(_)) if operations.type_info().no_tag_on_create => Provenance::Intended,
                _ => Provenance::Unknown,
            };
            // What has no tags and was announced must be just what was asked for then.
            let asked = intent.map(|intent| Step { spec: intent.spec.clone(), ..step.clone() });
            let is_asked = asked.is_some_and(|asked| differs_in(operations, &asked, observed).is_empty());
            // What has no tags must be just what is wanted, all that it refers to included, to be taken for ours by its name.
            let by_name = self.world.takes_names && !reference::is_unknown(&step.spec);
            let by_name = is_asked || (by_name && differs_in(operations, &step, observed).is_empty());
            refuse_unmanaged(self.world, &step, observed, provenance, by_name)?;
        }
        let (mut action, changes) = compare(operations, &step, observed.as_ref(), record.as_ref());
        if let (Some(observed), true) = (&observed, self.world.selection.replaced.contains(&step.id)) {
            if step.shared && self.world.is_used_by_others(observed) {
                return Err(StepError::new("other systems use it too: it can't be made anew from here"));
            }
            action = Action::Replace;
        }
        if let (Some(observed), Action::Update) = (&observed, action) {
            let refused = refusal::refused_changes(operations, &step, observed, &changes)?;
            if !refused.is_empty() {
                self.refusals.lock().expect("no panic holds this lock").extend(refused);
                action = Action::Unchanged;
            }
        }
        let is_again = action == Action::Replace && self.state.deposed.contains_key(&step.id);
        let create_first =
            operations.type_info().create_before_destroy && !(is_again && operations.type_info().usable_after_delete);
        let postponed = is_again && !operations.type_info().usable_after_delete;
        if postponed {
            // Only one predecessor can be remembered. What used that has to be led to this one, so that it can go.
            let message = "it is to be replaced again, and what its last replacement has left is still there";
            let error = StepError::new(message).with_help(
                "`provisioner apply` deletes that first, and leaves this one: run it again, until it is done",
            );
            self.failures.lock().expect("no panic holds this lock").push((step.id.clone(), error));
            action = Action::Unchanged;
        }
        Ok(Planned { step, action, changes, observed, record, used, create_first, postponed })
    }

    async fn removals(&self) -> Vec<Removal> {
        use futures::StreamExt;
        let all = self.world.unwanted(self.state);
        let decided = all.map(|(id, record, deposed)| async move {
            let outcome = self.decide_removal(id, record, deposed).await;
            self.told();
            outcome.map_err(|error| (id.clone(), error))
        });
        let decided: Vec<_> = futures::stream::iter(decided).buffer_unordered(READS).collect().await;
        let mut removals = Vec::new();
        for outcome in decided {
            match outcome {
                Ok(Some(removal)) => removals.push(removal),
                Ok(None) => {}
                Err(failure) => self.failures.lock().expect("no panic holds this lock").push(failure),
            }
        }
        removals.sort_by(|a, b| a.id.cmp(&b.id));
        leave_parts_of_shared_resources(&mut removals);
        removals
    }

    /// What goes is looked at first: it may be gone, or a stranger may have taken its name.
    async fn decide_removal(
        &self,
        id: &StepId,
        mut record: Record,
        deposed: bool,
    ) -> Result<Option<Removal>, StepError> {
        let operations = self.world.provider.operations(&record.kind)?;
        let step = step_of(id, &record, operations.type_info().kind);
        if deposed && self.state.steps.get(id).is_some_and(|standing| standing.outputs == record.outputs) {
            // AWS gave back the old one when it was asked for its successor: that stands.
            return Ok(Some(Removal { id: id.clone(), record, action: Action::Forget, deposed, stands_as: None }));
        }
        let known = Some(&record.outputs).filter(|outputs| !outputs.is_null());
        let intent = self.state.intents.get(id).filter(|_| known.is_none());
        let token = intent.map_or("", |intent| &intent.token);
        let predecessor = self.state.deposed.get(id).filter(|_| !deposed).map(|record| &record.outputs);
        let mut observed = operations.observe(Target { step: &step, known, token, predecessor }).await?;
        let mut known = known;
        if let (None, Some(_), false) = (&observed, known, deposed) {
            // What is remembered is gone; what was made since the state was written is this step's too.
            observed = operations.observe(Target { step: &step, known: None, token: "", predecessor }).await?;
            known = None;
        }
        let action = match &observed {
            None => Action::Forget,
            Some(observed) => {
                let provenance = match known {
                    Some(_) => Provenance::Recorded,
                    None if operations.type_info().no_tag_on_create => Provenance::Intended,
                    None => Provenance::Unknown,
                };
                let is_asked = known.is_none() && differs_in(operations, &step, observed).is_empty();
                match refuse_unmanaged(self.world, &step, observed, provenance, is_asked) {
                    // It was announced, and somebody else has that name: it was never made.
                    Err(_) if known.is_none() => Action::Forget,
                    Err(error) => return Err(error),
                    Ok(()) if record.shared && self.world.is_used_by_others(observed) => Action::Leave,
                    Ok(()) => Action::Delete,
                }
            }
        };
        if let Some(observed) = observed {
            record.outputs = observed.outputs;
        }
        Ok(Some(Removal { id: id.clone(), record, action, deposed, stands_as: None }))
    }

    fn told(&self) {
        let done = self.observed.fetch_add(1, Ordering::Relaxed) + 1;
        self.world.observer.on(Event::Observed { done, total: self.total });
    }
}

/// What carries no tags can't tell who uses it: a part of something shared stays as long as that does.
fn leave_parts_of_shared_resources(removals: &mut [Removal]) {
    loop {
        let left: BTreeSet<StepId> = removals
            .iter()
            .filter(|removal| removal.action == Action::Leave)
            .map(|removal| removal.id.clone())
            .collect();
        let is_part = |removal: &&mut Removal| {
            let shared = removal.record.shared && removal.action == Action::Delete;
            shared && !removal.record.dependencies.is_disjoint(&left)
        };
        let mut parts = removals.iter_mut().filter(is_part).peekable();
        if parts.peek().is_none() {
            return;
        }
        parts.for_each(|part| part.action = Action::Leave);
    }
}

/// What people call a thing: its ARN, its name, its id.
pub(super) fn named<'a>(outputs: &'a Value, kind: &'a str) -> &'a str {
    let fields = || outputs.as_object().into_iter().flat_map(|fields| fields.values()).find_map(Value::as_str);
    ["arn", "name", "url"].iter().find_map(|field| outputs[*field].as_str()).or_else(fields).unwrap_or(kind)
}

/// A thing with our name that isn't ours is never adopted, changed or deleted.
pub(super) fn refuse_unmanaged(
    world: &EngineContext<'_>,
    step: &Step,
    observed: &Observed,
    provenance: Provenance,
    by_name: bool,
) -> Result<(), StepError> {
    let ours = match &observed.ownership {
        Ownership::Tagged(tags) => world.owner.owns(step, provenance, tags),
        Ownership::Child => true,
        Ownership::NameOnly => provenance == Provenance::Recorded || by_name,
    };
    if ours {
        return Ok(());
    }
    let what = named(&observed.outputs, step.kind);
    if let Some(other) = step_that_has(world, step, observed) {
        let message = format!("{what} is the step {other}'s: two steps can't have one thing");
        return Err(StepError::new(message).with_help("give one of the two another name; nothing of it was changed"));
    }
    let help = format!(
        "use another --suffix; or, if nobody needs it, delete it yourself; or, if it is to be this system's, `provisioner import \
         {} {what}` takes it over; if its state was lost, `provisioner recover` finds the rest",
        step.id
    );
    Err(StepError::new(format!("{what} stands already and is not of this system: it is left alone")).with_help(help))
}

/// The other wanted step that has this thing by its tags, if one does.
fn step_that_has<'a>(world: &'a EngineContext<'_>, step: &Step, observed: &Observed) -> Option<&'a StepId> {
    let tagged = StepId::from(observed.tags()?.get(ownership::STEP)?.as_str());
    let other = world.graph.get(&tagged).filter(|other| other.id != step.id && other.kind == step.kind)?;
    world.owner.owns(other, Provenance::Unknown, observed.tags()?).then_some(&other.id)
}

/// The step that a record tells of.
pub(super) fn step_of(id: &StepId, record: &Record, kind: &'static str) -> Step {
    Step {
        id: id.clone(),
        kind,
        region: record.region.clone(),
        spec: record.spec.clone(),
        tags: record.tags.clone(),
        after: BTreeMap::new(),
        shared: record.shared,
    }
}

/// A step with the references in its spec replaced by what is known.
pub(super) fn resolve(
    step: &Step,
    outputs: &BTreeMap<StepId, Value>,
    operations: &dyn Operations,
) -> Result<Step, StepError> {
    let lookup = |reference: &Reference| {
        let value = outputs.get(&reference.step)?.get(&reference.field)?;
        value.as_str().map(str::to_owned)
    };
    let spec = operations.canonical(&reference::resolve(&step.spec, &lookup))?;
    Ok(Step { spec, ..step.clone() })
}

/// What happens to a step, and in which fields what stands differs.
pub(super) fn compare(
    operations: &dyn Operations,
    step: &Step,
    observed: Option<&Observed>,
    record: Option<&Record>,
) -> (Action, Vec<FieldChange>) {
    let Some(observed) = observed else { return (Action::Create, Vec::new()) };
    let (told, write_only) = split(&step.spec, operations);
    let mut changes =
        diff(&split(&observed.spec, operations).0, &told, &|field| operations.type_info().forces_replacement(field));
    if let Some(record) = record {
        let before = split(&record.spec, operations).1;
        changes.extend(diff(&before, &write_only, &|field| operations.type_info().forces_replacement(field)));
    }
    changes.extend(tag_changes(step, observed, record));
    let action = if changes.iter().any(|change| change.forces_replacement) {
        Action::Replace
    } else if !changes.is_empty() {
        Action::Update
    } else if record.is_none() {
        Action::Adopt
    } else {
        Action::Unchanged
    };
    (action, changes)
}

/// In which fields that AWS tells, tags aside, what stands isn't what is asked for.
fn differs_in(operations: &dyn Operations, step: &Step, observed: &Observed) -> Vec<FieldChange> {
    let told = |spec: &Value| split(spec, operations).0;
    diff(&told(&observed.spec), &told(&step.spec), &|field| operations.type_info().forces_replacement(field))
}

/// The fields that AWS tells, and those that it doesn't.
fn split(spec: &Value, operations: &dyn Operations) -> (Value, Value) {
    let Value::Object(fields) = spec else { return (spec.clone(), Value::Null) };
    let (write_only, told): (Vec<_>, Vec<_>) =
        fields.clone().into_iter().partition(|(field, _)| operations.type_info().is_write_only(field));
    (Value::Object(told.into_iter().collect()), Value::Object(write_only.into_iter().collect()))
}

/// Tags that are missing or other than wanted, and tags that we set once and want no more. Others' tags are theirs.
fn tag_changes(step: &Step, observed: &Observed, record: Option<&Record>) -> Vec<FieldChange> {
    let Some(tags) = observed.tags() else { return Vec::new() };
    let wanted: BTreeSet<&String> = step.tags.keys().collect();
    let ours_once = record.into_iter().flat_map(|record| record.tags.keys());
    let keys: BTreeSet<&String> = ours_once.chain(wanted).collect();
    // The descriptive tags of what systems share are those of whoever made it.
    let keys = keys.into_iter().filter(|key| !step.shared || key.starts_with("provisioner:"));
    let changed = keys.filter(|key| tags.get(*key) != step.tags.get(*key));
    let value = |tags: &super::Tags, key: &String| tags.get(key).cloned().map(Value::String);
    changed
        .map(|key| FieldChange {
            path: format!("tags.{key}"),
            old: value(tags, key),
            new: value(&step.tags, key),
            forces_replacement: false,
        })
        .collect()
}

/// The intent to make a step: the one that a dead run has left, if it asked for the same, so that AWS sees one token.
pub(super) fn intent(step: &Step, left: Option<&Intent>) -> Intent {
    let token = left.filter(|left| left.spec == step.spec).map(|left| left.token.clone());
    Intent {
        kind: step.kind.to_owned(),
        region: step.region.clone(),
        spec: step.spec.clone(),
        tags: step.tags.clone(),
        dependencies: BTreeSet::new(),
        token: token.unwrap_or_else(crate::state::random_hex),
        shared: step.shared,
    }
}
