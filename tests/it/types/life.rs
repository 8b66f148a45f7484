//! The test of one type: creates, changes, replaces and deletes its samples.

use std::collections::BTreeSet;
use std::sync::Arc;

use provisioner::aws::Cloud;
use provisioner::aws::cx::Shared;
use provisioner::cloudformation::{Shape, Tagging};
use provisioner::engine::diff::diff;
use provisioner::engine::events::Silent;
use provisioner::engine::execute::Report;
use provisioner::engine::graph::Graph;
use provisioner::engine::ownership::Owner;
use provisioner::engine::plan::Planned;
use provisioner::engine::{
    Action, EngineContext, FieldChange, Plan, Provider, RefusedChange, Selection, StepId, Tags, Target,
};
use provisioner::modules::{Identity, Stack};
use provisioner::resources::registry::{Registry, Types};
use provisioner::resources::*;
use provisioner::state::{State, Store};
use serde_json::Value;
use tokio::sync::watch;

use super::{REGION, Sample, Samples, fields};
use crate::support::Sandbox;

/// Runs the whole test in one sandbox. The first error ends it, since later ones would repeat it.
pub async fn life<R: Sample>(sandbox: &Sandbox) -> Vec<String> {
    let mut life = Life::begin(R::TYPE.kind, sandbox.cloud().await);
    life.live::<R>().await.err().into_iter().collect()
}

pub struct Life {
    cloud: Cloud,
    identity: Identity,
    folder: tempfile::TempDir,
    /// The sample's own tags.
    tags: Tags,
}

/// The step id of the sample.
pub const SAMPLE: &str = "sample";
const SUFFIX: &str = "dev1";
pub const ACCOUNT: &str = "123456789012";
/// The tags of three applies: one changes and one is added, then one is removed.
const TAGS: [&[(&str, &str)]; 3] = [
    &[("Team", "orders")],
    &[("Team", "refunds"), ("Cost center", "a+b=c @ d/e:f_g-h.i")],
    &[("Cost center", "a+b=c @ d/e:f_g-h.i")],
];

impl Life {
    fn begin(kind: &str, cloud: Cloud) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Life { cloud, identity: Life::identity(kind), folder, tags: tags(TAGS[0]) }
    }

    pub fn identity(kind: &str) -> Identity {
        Identity {
            owner: Owner { system: kind.replace(['.', '_'], "-"), suffix: SUFFIX.to_owned() },
            account: ACCOUNT.to_owned(),
            partition: "aws".to_owned(),
            region: REGION.to_owned(),
            tags: Tags::default(),
        }
    }

    pub fn specs<R: Sample>() -> Samples<R> {
        R::samples(&Stack::new(Life::identity(R::TYPE.kind)).root())
    }

    /// The dependencies of the samples, and the sample, if any.
    fn graph<R: Sample>(&self, sample: Option<&Value>) -> Graph {
        let stack = Stack::new(self.identity.clone());
        let samples = R::samples(&stack.root());
        if let Some(sample) = sample {
            let root = stack.root().in_region(samples.region.unwrap_or(REGION));
            root.add(SAMPLE, serde_json::from_value::<R>(sample.clone()).expect("a spec"));
        }
        let mut steps = stack.into_steps();
        for step in steps.iter_mut().filter(|step| step.id == SAMPLE.into()) {
            step.tags.extend(self.tags.clone());
        }
        Graph::new(steps).expect("samples make a graph")
    }

    async fn live<R: Sample>(&mut self) -> Result<(), String> {
        let (stages, not_returned) = (stages::<R>(), Life::specs::<R>().not_returned);
        let plan = self.apply::<R>(&stages[0]).await.map_err(|why| format!("create fails: {why}"))?;
        expect(&plan, Action::Create, &BTreeSet::new())?;
        self.is_as_desired::<R>(&stages[0], "after create").await?;
        self.is_tagged::<R>(&stages[0]).await?;
        for stage in refused_stages::<R>() {
            self.is_refused::<R>(&stages[0], &stage).await?;
        }
        for (before, stage) in stages.iter().zip(&stages[1..]) {
            let fields = changed_fields(before, stage);
            let named = fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
            let replaces = fields.iter().any(|field| R::TYPE.force_new.contains(&field.as_str()));
            let plan = self.apply::<R>(stage).await.map_err(|why| format!("a change of {named} fails: {why}"))?;
            let mut paths = changed_paths(before, stage);
            paths.retain(|path| !not_returned.contains(path.as_str()));
            expect(&plan, if replaces { Action::Replace } else { Action::Update }, &paths)?;
            self.is_as_desired::<R>(stage, &format!("after a change of {named}")).await?;
        }
        self.is_deleted::<R>(&stages[0]).await
    }

    /// `plan` refuses the change with the type's advice, and `apply` changes nothing.
    async fn is_refused<R: Sample>(&self, before: &Value, stage: &Value) -> Result<(), String> {
        let graph = self.graph::<R>(Some(stage));
        let plan = self.plan(&graph).await;
        let immutable = |field: &String| R::TYPE.immutable(field);
        for immutable in changed_fields(before, stage).iter().filter_map(immutable) {
            let is_this = |refused: &&RefusedChange| refused.change.field() == immutable.field;
            let Some(refused) = plan.refusals.iter().find(is_this) else {
                return Err(format!("a change of the immutable field `{}` isn't refused", immutable.field));
            };
            if refused.step != SAMPLE.into() || refused.advice != immutable.advice {
                return Err(format!("a change of `{}` is refused as {refused:?}", immutable.field));
            }
        }
        match self.run(&graph).await {
            Ok(_) => Err("a plan with a refused change is executed".to_owned()),
            Err(_) => self.is_as_desired::<R>(before, "after a refused change").await,
        }
    }

    /// Changed tags are planned and set; a type without tags has nothing to do.
    async fn is_tagged<R: Sample>(&mut self, sample: &Value) -> Result<(), String> {
        let form = serde_json::from_value::<R>(sample.clone()).expect("a spec").cloudformation();
        let is_tagged = |shape| matches!(shape, Shape::Resources(parts) if parts[0].tagging != Tagging::None);
        if is_tagged(form.shape) && !carries_tags::<R>() {
            return Err("it has tags in CloudFormation, and nothing in `ACTIONS` sets any".to_owned());
        }
        for next in &TAGS[1..] {
            let before = std::mem::replace(&mut self.tags, tags(next));
            let all = before.keys().chain(self.tags.keys());
            let changed = all.filter(|key| before.get(*key) != self.tags.get(*key));
            let paths = changed.map(|key| format!("tags.{key}")).collect();
            if carries_tags::<R>() {
                let plan =
                    self.apply::<R>(sample).await.map_err(|why| format!("a change of {paths:?} fails: {why}"))?;
                expect(&plan, Action::Update, &paths)?;
            }
            self.is_as_desired::<R>(sample, &format!("after a change of {paths:?}")).await?;
        }
        Ok(())
    }

    /// A plan without cached reads is empty.
    async fn is_as_desired<R: Sample>(&self, sample: &Value, after: &str) -> Result<(), String> {
        let plan = self.plan(&self.graph::<R>(Some(sample))).await;
        let planned = sample_of(&plan)?;
        if planned.action == Action::Unchanged {
            return Ok(());
        }
        let differs = planned.changes.iter().map(|change| {
            let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
            format!("`{}` is {}, desired is {}", change.path, shown(&change.old), shown(&change.new))
        });
        let differs: Vec<_> = differs.collect();
        Err(format!("{after} a plan isn't empty ({:?}): {}", planned.action, differs.join("; ")))
    }

    /// After its deletion it is found neither by its recorded outputs nor by its spec.
    async fn is_deleted<R: Sample>(&self, sample: &Value) -> Result<(), String> {
        let state = self.state().await;
        let record = state.steps.get(&StepId::from(SAMPLE)).ok_or("it isn't in the state")?;
        let graph = self.graph::<R>(Some(sample));
        let mut step = graph.get(&SAMPLE.into()).expect("it is in the graph").clone();
        step.spec = record.spec.clone();
        self.run(&self.graph::<R>(None)).await.map_err(|why| format!("delete fails: {why}"))?;
        let samples = Life::specs::<R>();
        let none = Graph::new(Vec::new()).expect("nothing is a graph");
        let rest = || async {
            self.run(&none).await.map(drop).map_err(|why| format!("its dependencies can't be deleted: {why}"))
        };
        if samples.stays {
            rest().await?;
        }
        let registry = self.registry();
        let operations = registry.operations(R::TYPE.kind).map_err(|error| error.to_string())?;
        for known in [Some(&record.outputs), None] {
            let target = Target { step: &step, known, token: "", predecessor: None };
            match operations.observe(target).await {
                Ok(None) => {}
                Ok(Some(found)) if samples.is_kept && known.is_some() && found.spec != step.spec => {}
                Ok(Some(found)) => return Err(format!("it exists after delete: {:?}", found.outputs)),
                Err(error) => return Err(format!("it can't be read after delete: {error}")),
            }
        }
        rest().await
    }

    async fn apply<R: Sample>(&self, sample: &Value) -> Result<Plan, String> {
        self.run(&self.graph::<R>(Some(sample))).await
    }

    /// Plans and applies; returns the plan.
    async fn run(&self, graph: &Graph) -> Result<Plan, String> {
        let registry = self.registry();
        let fresh = || State::new(&self.identity.owner.system, SUFFIX, ACCOUNT, REGION);
        let store = Store::folder(self.folder.path());
        let session = store.open(SUFFIX, "test", fresh).await.map_err(|error| error.to_string())?;
        let (_stop, stop) = watch::channel(false);
        let engine = self.engine(graph, &registry, stop);
        let plan = engine.plan(&session.state()).await;
        let report = engine.execute(plan.clone(), &session).await;
        session.finish().await.map_err(|error| error.to_string())?;
        failures(&report).map_or(Ok(plan), Err)
    }

    async fn plan(&self, graph: &Graph) -> Plan {
        let registry = self.registry();
        let (_stop, stop) = watch::channel(false);
        self.engine(graph, &registry, stop).plan(&self.state().await).await
    }

    fn engine<'a>(
        &'a self,
        graph: &'a Graph,
        registry: &'a Registry,
        stop: watch::Receiver<bool>,
    ) -> EngineContext<'a> {
        let selection = Selection::default();
        EngineContext {
            owner: &self.identity.owner,
            graph,
            provider: registry,
            observer: &Silent,
            stop,
            adopt_by_name: false,
            selection,
        }
    }

    async fn state(&self) -> State {
        let state = Store::folder(self.folder.path()).read(SUFFIX).await.expect("the state can be read");
        state.unwrap_or_else(|| State::new(&self.identity.owner.system, SUFFIX, ACCOUNT, REGION))
    }

    /// All types, without cached reads.
    fn registry(&self) -> Registry {
        Types::shipped().bind(&Arc::new(Shared {
            cloud: Arc::new(self.cloud.uncached()),
            account: ACCOUNT.to_owned(),
            partition: "aws".to_owned(),
            owner: self.identity.owner.clone(),
            observer: Arc::new(Silent),
        }))
    }
}

pub fn plain<R: Resource>(spec: &R) -> Value {
    serde_json::to_value(spec).expect("a spec is plain data")
}

fn tags(tags: &[(&str, &str)]) -> Tags {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// True if the type has tags: then its actions include one that writes tags.
fn carries_tags<R: Resource>() -> bool {
    let reads = |call: &str| ["Describe", "Get", "List"].iter().any(|verb| call.starts_with(verb));
    let writes_tags = |call: &str| call.contains("Tag") && !reads(call);
    R::TYPE.actions.iter().any(|action| action.split_once(':').is_some_and(|(_, call)| writes_tags(call)))
}

/// The specs in the order of their applies. First changes in place, each on top of the last one, so that each is the only
/// one; then all of them reverted at once; then the changes that replace the resource.
pub fn stages<R: Sample>() -> Vec<Value> {
    let specs: Vec<Value> = Life::specs::<R>().specs.iter().map(plain).collect();
    let (first, others) = specs.split_first().expect("there is a first one");
    let others = others.iter().filter(|other| !is_refused::<R>(first, other));
    let changes = |other: &Value| changed_fields(first, other);
    let is_replaced = |other: &&Value| changes(other).iter().any(|field| R::TYPE.force_new.contains(&field.as_str()));
    let (replaced, in_place): (Vec<&Value>, Vec<&Value>) = others.partition(is_replaced);
    let mut stages = vec![first.clone()];
    for other in in_place {
        let mut next = stages.last().expect("there is one").clone();
        for field in changes(other) {
            next[&field] = other[&field].clone();
        }
        stages.push(next);
    }
    if stages.len() > 1 {
        stages.push(first.clone());
    }
    stages.extend(replaced.into_iter().cloned());
    stages
}

/// The specs with a change of an immutable field.
pub fn refused_stages<R: Sample>() -> Vec<Value> {
    let specs: Vec<Value> = Life::specs::<R>().specs.iter().map(plain).collect();
    specs.iter().filter(|spec| is_refused::<R>(&specs[0], spec)).cloned().collect()
}

fn is_refused<R: Sample>(from: &Value, to: &Value) -> bool {
    changed_fields(from, to).iter().any(|field| R::TYPE.immutable(field).is_some())
}

/// The fields that no sample changes, nested ones too.
pub fn fields_without_change<R: Sample>() -> Vec<String> {
    let mut all = stages::<R>();
    for refused in refused_stages::<R>() {
        all.extend([all[0].clone(), refused]);
    }
    fields::without_change::<R>(&all, &Life::specs::<R>().unchanged)
}

/// The fields in which one spec differs from another.
fn changed_fields(from: &Value, to: &Value) -> Vec<String> {
    let fields = |spec: &Value| spec.as_object().expect("a spec is a struct").keys().cloned().collect::<BTreeSet<_>>();
    let fields = fields(from).union(&fields(to)).cloned().collect::<Vec<_>>();
    fields.into_iter().filter(|field| from[field.as_str()] != to[field.as_str()]).collect()
}

fn failures(report: &Report) -> Option<String> {
    let failed = report.failed.iter().map(|(step, error)| format!("{step}: {error} ({:?})", error.code));
    let skipped = report.skipped.iter().map(|(step, why)| format!("{step} is skipped: {why}"));
    let all: Vec<String> = failed.chain(skipped).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn sample_of(plan: &Plan) -> Result<&Planned, String> {
    if let Some((step, error)) = plan.failures.first() {
        return Err(format!("{step} can't be read: {error}"));
    }
    plan.steps.iter().find(|planned| planned.step.id == SAMPLE.into()).ok_or_else(|| "it isn't planned".to_owned())
}

/// The paths at which one spec differs from another.
fn changed_paths(from: &Value, to: &Value) -> BTreeSet<String> {
    diff(from, to, &|_| false).iter().map(path).collect()
}

/// `rules[].schedule`, without the index: the order of values with references changes once these are known.
fn path(change: &FieldChange) -> String {
    let parts = change.path.split('[').map(|part| part.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    parts.collect::<Vec<_>>().join("[")
}

/// Fails unless the plan has this action, for exactly these paths.
fn expect(plan: &Plan, action: Action, paths: &BTreeSet<String>) -> Result<(), String> {
    let planned = sample_of(plan)?;
    let planned_paths: BTreeSet<String> = planned.changes.iter().map(path).collect();
    // Where AWS replaces an absent value by its own default, the change shows field by field.
    let is_same = |path: &str, other: &str| fields::is_within(path, other) || fields::is_within(other, path);
    let is_planned = |path: &&String| planned_paths.iter().any(|planned| is_same(path, planned));
    let missing: Vec<_> = paths.iter().filter(|path| !is_planned(path)).collect();
    if !missing.is_empty() {
        return Err(format!("a change of {missing:?} isn't planned: does `observe` read it from AWS?"));
    }
    let is_expected = |planned: &&String| paths.iter().any(|path| is_same(path, planned));
    let more: Vec<_> = planned_paths.iter().filter(|planned| !is_expected(planned)).collect();
    if !more.is_empty() && planned.action != Action::Create {
        return Err(format!("a change of {paths:?} is also planned as one of {more:?}"));
    }
    if planned.action != action {
        return Err(format!("a change of {paths:?} is planned as {:?}, not as {action:?}", planned.action));
    }
    Ok(())
}
