//! The life of every resource type, over HTTP: made, observed as it was asked for, nothing left to do, other tags, each field
//! changed, made anew where AWS can't change it, deleted, gone. All that is written by hand for a type are its
//! [samples](samples).
//!
//! `PROVISIONER_TYPES=sqs.queue,sns` goes through these only.

mod fields;
mod samples;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::{LocalBoxFuture, join_all};
use provisioner::aws::Cloud;
use provisioner::aws::cx::Shared;
use provisioner::cloudformation::{Export, Shape, Tagging};
use provisioner::engine::diff::diff;
use provisioner::engine::events::Silent;
use provisioner::engine::execute::Report;
use provisioner::engine::graph::Graph;
use provisioner::engine::ownership::Owner;
use provisioner::engine::plan::Planned;
use provisioner::engine::{
    Action, EngineContext, FieldChange, Plan, Provider, RefusedChange, Selection, StepId, Tags, Target,
};
use provisioner::modules::{Identity, Scope, Stack};
use provisioner::resources::registry::{Registry, Types};
use provisioner::resources::*;
use provisioner::state::{State, Store};
use serde_json::Value;
use tokio::sync::watch;

use crate::support::Sandbox;
use crate::support::lint::assert_lints;

const REGION: &str = "us-east-1";
/// How many sandboxes there are: in each, one type lives at a time.
const SANDBOXES: usize = 3;

/// Specs of a type that its life goes through.
pub trait Sample: Resource + Clone {
    /// The specs. What they need is put into `scope`: networks, keys, roles.
    fn samples(scope: &Scope<'_>) -> Samples<Self>;
}

/// See [`Sample`].
pub struct Samples<R> {
    specs: Vec<R>,
    region: Option<&'static str>,
    is_kept: bool,
    stays: bool,
    unchanged: BTreeSet<&'static str>,
    untold: BTreeSet<&'static str>,
}

impl<R: Sample> Samples<R> {
    /// The spec that it is made with.
    pub fn of(first: R) -> Self {
        let (unchanged, untold) = (BTreeSet::new(), BTreeSet::new());
        Samples { specs: vec![first], region: None, is_kept: false, stays: false, unchanged, untold }
    }

    /// The first spec with a change, which has to be noticed and made. Together they change every field, those within fields
    /// too.
    #[must_use]
    pub fn changing(mut self, change: impl FnOnce(&mut R)) -> Self {
        let mut other = self.specs[0].clone();
        change(&mut other);
        self.specs.push(other);
        self
    }

    /// It lives in a region of its own: AWS has one of its type in a region.
    #[must_use]
    pub fn in_region(self, region: &'static str) -> Self {
        Samples { region: Some(region), ..self }
    }

    /// AWS keeps it for days after its deletion: what is remembered shows as one that isn't as asked for.
    #[must_use]
    pub fn kept_after_deletion(self) -> Self {
        Samples { is_kept: true, ..self }
    }

    /// A field that has one value only, or that the sandbox doesn't let change: `why` is for who reads this.
    #[must_use]
    pub fn without_change_of(mut self, field: &'static str, why: &'static str) -> Self {
        assert!(!why.is_empty());
        self.unchanged.insert(field);
        self
    }

    /// A field that AWS doesn't tell: its change shows by that of another one.
    #[must_use]
    pub fn never_told(mut self, field: &'static str, why: &'static str) -> Self {
        assert!(!why.is_empty());
        self.untold.insert(field);
        self
    }

    /// Nothing in AWS is its own: it can be observed until what it needs is deleted.
    #[must_use]
    pub fn staying_with(self, why: &'static str) -> Self {
        assert!(!why.is_empty());
        Samples { stays: true, ..self }
    }
}

/// Gives what was found wrong with a type's samples.
type Check = fn() -> Vec<String>;

macro_rules! checks {
    ($($resource:ty,)*) => {
        vec![$((<$resource>::TYPE.kind, fields_without_change::<$resource> as Check),)*]
    };
}

#[test]
fn samples_change_every_field_of_every_type() {
    let all: Vec<(&str, Check)> = provisioner::resource_types!(checks);
    let all = asked_for(all).into_iter();
    let wrong: Vec<String> =
        all.flat_map(|(kind, check)| check().into_iter().map(move |what| format!("{kind}: {what}"))).collect();
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_field_has_one_kind_of_change() {
    macro_rules! kinds {
        ($($resource:ty,)*) => {
            vec![$((<$resource>::TYPE.kind, wrong_kinds_of_change::<$resource> as Check),)*]
        };
    }
    let all: Vec<(&str, Check)> = provisioner::resource_types!(kinds);
    let all = asked_for(all).into_iter();
    let wrong: Vec<String> =
        all.flat_map(|(kind, check)| check().into_iter().map(move |what| format!("{kind}: {what}"))).collect();
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}

/// A change of a field replaces the resource (`force_new`), is refused by `plan` (`immutable`), or else is an update. Names the
/// fields that are listed as more than one, that don't exist, or whose refusal has no advice.
fn wrong_kinds_of_change<R: Sample>() -> Vec<String> {
    let specs = Life::specs::<R>().specs;
    let fields: BTreeSet<String> = specs
        .iter()
        .flat_map(|spec| plain(spec).as_object().expect("a struct").keys().cloned().collect::<Vec<_>>())
        .collect();
    let TypeInfo { force_new, immutable, write_only, .. } = R::TYPE;
    let listed: Vec<&str> =
        force_new.iter().copied().chain(immutable.iter().map(|immutable| immutable.field)).collect();
    let twice = listed.iter().enumerate().filter(|(place, field)| listed[..*place].contains(field));
    let twice = twice.map(|(_, field)| format!("the field `{field}` is listed twice in `force_new` and `immutable`"));
    let unknown = listed.iter().chain(write_only).filter(|field| !fields.contains(**field));
    let unknown = unknown.map(|field| format!("`TYPE` lists `{field}`, which isn't a field"));
    let advice = immutable.iter().filter(|immutable| immutable.advice.is_empty());
    let advice = advice.map(|immutable| format!("the immutable field `{}` has no advice", immutable.field));
    twice.chain(unknown).chain(advice).collect()
}

/// Goes through the life of a type in a sandbox; gives what was found wrong.
type Live = for<'a> fn(&'a Sandbox) -> LocalBoxFuture<'a, Vec<String>>;

macro_rules! types {
    ($($resource:ty,)*) => {
        vec![$((<$resource>::TYPE.kind, (|sandbox| Box::pin(life::<$resource>(sandbox))) as Live),)*]
    };
}

/// Those that are asked for.
fn asked_for<T>(all: Vec<(&'static str, T)>) -> Vec<(&'static str, T)> {
    let Ok(asked) = std::env::var("PROVISIONER_TYPES") else { return all };
    let is = |kind: &str, name: &str| kind == name || kind.split('.').next() == Some(name);
    for name in asked.split(',') {
        assert!(all.iter().any(|(kind, _)| is(kind, name)), "PROVISIONER_TYPES: there is no type or service {name}");
    }
    all.into_iter().filter(|(kind, _)| asked.split(',').any(|name| is(kind, name))).collect()
}

#[tokio::test]
async fn every_type_is_created_updated_and_deleted() {
    let all: Vec<(&str, Live)> = provisioner::resource_types!(types);
    let left = RefCell::new(asked_for(all));
    let lives = (0..SANDBOXES).map(|_| async {
        let sandbox = Sandbox::fresh().await;
        let mut wrong = Vec::new();
        loop {
            let next = left.borrow_mut().pop();
            let Some((kind, life)) = next else { break wrong };
            wrong.extend(life(&sandbox).await.into_iter().map(|what| format!("{kind}: {what}")));
        }
    });
    let wrong = join_all(lives).await.concat();
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}

/// A template with all samples of a type.
type InTemplate = fn() -> Value;

macro_rules! templates {
    ($($resource:ty,)*) => {
        vec![$((<$resource>::TYPE.kind, template_of::<$resource> as InTemplate),)*]
    };
}

#[tokio::test]
async fn linter_accepts_the_template_of_every_type() {
    let folder = tempfile::tempdir().expect("a folder");
    let all: Vec<(&str, InTemplate)> = provisioner::resource_types!(templates);
    let mut files = Vec::new();
    for (kind, template) in asked_for(all) {
        let template = template();
        assert!(!template.to_string().contains('⟦'), "{kind}: a reference is left: {template}");
        // Of what CloudFormation has no resource for there is nothing to judge.
        if template.get("Resources").is_some() {
            let file = folder.path().join(format!("{kind}.json"));
            std::fs::write(&file, template.to_string()).expect("it is written");
            files.push(file);
        }
    }
    // Samples that would be one after the other stand beside one another here, of one name and in one place.
    assert_lints(&files, &["E3019", "E3022", "E3032", "E3060", "E3064"]).await;
}

fn template_of<R: Sample>() -> Value {
    let stack = Stack::new(Life::identity(R::TYPE.kind));
    let Samples { specs, region, .. } = R::samples(&stack.root());
    let region = region.unwrap_or(REGION);
    for (number, spec) in specs.into_iter().enumerate() {
        stack.root().in_region(region).add(&format!("{SAMPLE}-{number}"), spec);
    }
    let graph = Graph::new(stack.into_steps()).expect("samples make a graph");
    let (outputs, types) = (BTreeMap::new(), &Types::shipped());
    let export =
        Export { title: R::TYPE.kind, account: ACCOUNT, partition: "aws", graph: &graph, outputs: &outputs, types };
    export.template(region).expect("a template").body
}

/// All of it, in one sandbox. What fails ends it: what comes after would only say the same again.
async fn life<R: Sample>(sandbox: &Sandbox) -> Vec<String> {
    let mut life = Life::begin(R::TYPE.kind, sandbox.cloud().await);
    life.live::<R>().await.err().into_iter().collect()
}

struct Life {
    cloud: Cloud,
    identity: Identity,
    folder: tempfile::TempDir,
    /// Those of the sample, beside what every step has.
    tags: Tags,
}

/// A graph in which the type's sample is this step.
const SAMPLE: &str = "sample";
const SUFFIX: &str = "dev1";
const ACCOUNT: &str = "123456789012";
/// The tags that it has one after the other: one changes and one is added, one is removed.
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

    fn identity(kind: &str) -> Identity {
        Identity {
            owner: Owner { system: kind.replace(['.', '_'], "-"), suffix: SUFFIX.to_owned() },
            account: ACCOUNT.to_owned(),
            partition: "aws".to_owned(),
            region: REGION.to_owned(),
            tags: Tags::default(),
        }
    }

    fn specs<R: Sample>() -> Samples<R> {
        R::samples(&Stack::new(Life::identity(R::TYPE.kind)).root())
    }

    /// What the samples need, and the sample itself, if any.
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
        let (stages, untold) = (stages::<R>(), Life::specs::<R>().untold);
        let plan = self.apply::<R>(&stages[0]).await.map_err(|why| format!("can't be made: {why}"))?;
        expect(&plan, Action::Create, &BTreeSet::new())?;
        self.is_as_asked::<R>(&stages[0], "made").await?;
        self.is_tagged::<R>(&stages[0]).await?;
        for stage in refused_stages::<R>() {
            self.is_refused::<R>(&stages[0], &stage).await?;
        }
        for (before, stage) in stages.iter().zip(&stages[1..]) {
            let fields = changed_fields(before, stage);
            let named = fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
            let anew = fields.iter().any(|field| R::TYPE.force_new.contains(&field.as_str()));
            let plan = self.apply::<R>(stage).await.map_err(|why| format!("a change of {named} fails: {why}"))?;
            let mut paths = changed_paths(before, stage);
            paths.retain(|path| !untold.contains(path.as_str()));
            expect(&plan, if anew { Action::Replace } else { Action::Update }, &paths)?;
            self.is_as_asked::<R>(stage, &format!("changed in {named}")).await?;
        }
        self.goes::<R>(&stages[0]).await
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
            Err(_) => self.is_as_asked::<R>(before, "after a refused change").await,
        }
    }

    /// Other tags are noticed and set; nothing is to be done for what carries none.
    async fn is_tagged<R: Sample>(&mut self, sample: &Value) -> Result<(), String> {
        let form = serde_json::from_value::<R>(sample.clone()).expect("a spec").cloudformation();
        let is_tagged = |shape| matches!(shape, Shape::Resources(parts) if parts[0].tagging != Tagging::None);
        if is_tagged(form.shape) && !carries_tags::<R>() {
            return Err("it has tags in CloudFormation, and nothing in `ACTIONS` sets any".to_owned());
        }
        for wanted in &TAGS[1..] {
            let before = std::mem::replace(&mut self.tags, tags(wanted));
            let all = before.keys().chain(self.tags.keys());
            let changed = all.filter(|key| before.get(*key) != self.tags.get(*key));
            let paths = changed.map(|key| format!("tags.{key}")).collect();
            if carries_tags::<R>() {
                let plan =
                    self.apply::<R>(sample).await.map_err(|why| format!("a change of {paths:?} fails: {why}"))?;
                expect(&plan, Action::Update, &paths)?;
            }
            self.is_as_asked::<R>(sample, &format!("changed in {paths:?}")).await?;
        }
        Ok(())
    }

    /// Nothing is left to do, by a look that remembers nothing of what was read before.
    async fn is_as_asked<R: Sample>(&self, sample: &Value, after: &str) -> Result<(), String> {
        let plan = self.plan(&self.graph::<R>(Some(sample))).await;
        let planned = sample_of(&plan)?;
        if planned.action == Action::Unchanged {
            return Ok(());
        }
        let differs = planned.changes.iter().map(|change| {
            let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
            format!("`{}` is {}, asked for was {}", change.path, shown(&change.old), shown(&change.new))
        });
        let differs: Vec<_> = differs.collect();
        Err(format!("{after}, it isn't as asked for ({:?}): {}", planned.action, differs.join("; ")))
    }

    /// Deleted, it can't be observed any more, neither by what is remembered of it nor by its spec.
    async fn goes<R: Sample>(&self, sample: &Value) -> Result<(), String> {
        let state = self.state().await;
        let record = state.steps.get(&StepId::from(SAMPLE)).ok_or("it isn't remembered")?;
        let graph = self.graph::<R>(Some(sample));
        let mut step = graph.get(&SAMPLE.into()).expect("it is in the graph").clone();
        step.spec = record.spec.clone();
        self.run(&self.graph::<R>(None)).await.map_err(|why| format!("can't be deleted: {why}"))?;
        let samples = Life::specs::<R>();
        let none = Graph::new(Vec::new()).expect("nothing is a graph");
        let rest = || async {
            self.run(&none).await.map(drop).map_err(|why| format!("what it needed can't be deleted: {why}"))
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
                Ok(Some(found)) => return Err(format!("deleted, it is still there: {:?}", found.outputs)),
                Err(error) => return Err(format!("deleted, it can't be looked for: {error}")),
            }
        }
        rest().await
    }

    async fn apply<R: Sample>(&self, sample: &Value) -> Result<Plan, String> {
        self.run(&self.graph::<R>(Some(sample))).await
    }

    /// Makes what is wanted; gives what was planned.
    async fn run(&self, graph: &Graph) -> Result<Plan, String> {
        let registry = self.registry();
        let fresh = || State::new(&self.identity.owner.system, SUFFIX, ACCOUNT, REGION);
        let store = Store::folder(self.folder.path());
        let session = store.open(SUFFIX, "test", fresh).await.map_err(|error| error.to_string())?;
        let (_stop, stop) = watch::channel(false);
        let world = self.world(graph, &registry, stop);
        let plan = world.plan(&session.state()).await;
        let report = world.execute(plan.clone(), &session).await;
        session.finish().await.map_err(|error| error.to_string())?;
        failures(&report).map_or(Ok(plan), Err)
    }

    async fn plan(&self, graph: &Graph) -> Plan {
        let registry = self.registry();
        let (_stop, stop) = watch::channel(false);
        self.world(graph, &registry, stop).plan(&self.state().await).await
    }

    fn world<'a>(&'a self, graph: &'a Graph, registry: &'a Registry, stop: watch::Receiver<bool>) -> EngineContext<'a> {
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

    /// All types, with nothing read yet.
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

fn plain<R: Resource>(spec: &R) -> Value {
    serde_json::to_value(spec).expect("a spec is plain data")
}

fn tags(tags: &[(&str, &str)]) -> Tags {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// True if AWS has tags of it: provisioner may write some then.
fn carries_tags<R: Resource>() -> bool {
    let reads = |call: &str| ["Describe", "Get", "List"].iter().any(|verb| call.starts_with(verb));
    let writes_tags = |call: &str| call.contains("Tag") && !reads(call);
    R::TYPE.actions.iter().any(|action| action.split_once(':').is_some_and(|(_, call)| writes_tags(call)))
}

/// The specs that it goes through. First what can be changed in place, one sample's change on top of the other's, so that each
/// is the only one; then all of them back at once; then what it is made anew for.
fn stages<R: Sample>() -> Vec<Value> {
    let specs: Vec<Value> = Life::specs::<R>().specs.iter().map(plain).collect();
    let (first, others) = specs.split_first().expect("there is a first one");
    let others = others.iter().filter(|other| !is_refused::<R>(first, other));
    let changes = |other: &Value| changed_fields(first, other);
    let is_anew = |other: &&Value| changes(other).iter().any(|field| R::TYPE.force_new.contains(&field.as_str()));
    let (anew, in_place): (Vec<&Value>, Vec<&Value>) = others.partition(is_anew);
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
    stages.extend(anew.into_iter().cloned());
    stages
}

/// The specs with a change of an immutable field.
fn refused_stages<R: Sample>() -> Vec<Value> {
    let specs: Vec<Value> = Life::specs::<R>().specs.iter().map(plain).collect();
    specs.iter().filter(|spec| is_refused::<R>(&specs[0], spec)).cloned().collect()
}

fn is_refused<R: Sample>(from: &Value, to: &Value) -> bool {
    changed_fields(from, to).iter().any(|field| R::TYPE.immutable(field).is_some())
}

/// The fields that no sample changes, those within fields too.
fn fields_without_change<R: Sample>() -> Vec<String> {
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
    let skipped = report.skipped.iter().map(|(step, why)| format!("{step} is left out: {why}"));
    let all: Vec<String> = failed.chain(skipped).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn sample_of(plan: &Plan) -> Result<&Planned, String> {
    if let Some((step, error)) = plan.failures.first() {
        return Err(format!("{step} can't be observed: {error}"));
    }
    plan.steps.iter().find(|planned| planned.step.id == SAMPLE.into()).ok_or_else(|| "it isn't planned".to_owned())
}

/// The paths at which one spec differs from another.
fn changed_paths(from: &Value, to: &Value) -> BTreeSet<String> {
    diff(from, to, &|_| false).iter().map(path).collect()
}

/// `rules[].schedule`, whichever of the rules it is: what holds references is in another order when they are known.
fn path(change: &FieldChange) -> String {
    let parts = change.path.split('[').map(|part| part.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    parts.collect::<Vec<_>>().join("[")
}

/// The plan was this, for just these paths.
fn expect(plan: &Plan, action: Action, paths: &BTreeSet<String>) -> Result<(), String> {
    let planned = sample_of(plan)?;
    let noticed: BTreeSet<String> = planned.changes.iter().map(path).collect();
    // Where AWS has a default of its own in the place of nothing, the change shows field by field.
    let is_same = |path: &str, noticed: &str| fields::is_within(path, noticed) || fields::is_within(noticed, path);
    let shows = |path: &&String| noticed.iter().any(|noticed| is_same(path, noticed));
    let missing: Vec<_> = paths.iter().filter(|path| !shows(path)).collect();
    if !missing.is_empty() {
        return Err(format!("a change of {missing:?} isn't noticed: does `observe` read it from AWS?"));
    }
    let is_asked = |noticed: &&String| paths.iter().any(|path| is_same(path, noticed));
    let more: Vec<_> = noticed.iter().filter(|noticed| !is_asked(noticed)).collect();
    if !more.is_empty() && planned.action != Action::Create {
        return Err(format!("a change of {paths:?} shows as one of {more:?} too"));
    }
    if planned.action != action {
        return Err(format!("a change of {paths:?} is planned as {:?}, not as {action:?}", planned.action));
    }
    Ok(())
}
