//! Resources in memory that refuse what AWS refuses: a dependency that doesn't exist, the deletion of what is in use.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use provisioner::engine::EngineContext;
use provisioner::engine::execute::Report;
use provisioner::engine::graph::Graph;
use provisioner::engine::ownership::{Owner, Ownership};
use provisioner::engine::reference::token;
use provisioner::engine::{
    FieldChange, Immutable, Observed, Operations, Plan, Provider, Refusal, Selection, Step, StepError, StepId, Tags,
    Target, TypeInfo, events::Silent,
};
use provisioner::state::{State, Store};
use serde_json::{Value, json};
use tokio::sync::watch;

#[derive(Clone, Debug, PartialEq)]
pub struct Thing {
    pub region: String,
    pub spec: Value,
    pub tags: Tags,
}

/// All resources, by id.
#[derive(Debug, Default)]
pub struct InMemory {
    pub things: Mutex<BTreeMap<String, Thing>>,
    pub made: Mutex<usize>,
    /// How many more writes succeed before the run dies: its last write takes effect, but the run gets no response.
    pub lives: Mutex<Option<usize>>,
    pub create_first: bool,
    /// The region that can't be read.
    pub unseen: Mutex<Option<&'static str>>,
    /// Resources have no tags.
    pub name_only: bool,
    /// Dependents of a replaced resource are updated to the new one.
    pub in_place: bool,
    /// A resource can't be deleted while another one uses it.
    pub blocks_deletion: bool,
    /// The size can't change while the thing exists.
    pub fixed_size: bool,
    /// The size can't decrease.
    pub no_shrink: bool,
}

impl InMemory {
    fn alive(&self) -> Result<(), StepError> {
        if *self.lives.lock().unwrap() == Some(0) { Err(StepError::new("dead")) } else { Ok(()) }
    }

    /// After a write: the response arrives, unless the run died meanwhile.
    fn answer<T>(&self, value: T) -> Result<T, StepError> {
        let mut lives = self.lives.lock().unwrap();
        match lives.as_mut() {
            Some(left) => {
                // Requests in flight when the run died take effect too.
                *left = left.saturating_sub(1);
                if *left == 0 { Err(StepError::new("no answer")) } else { Ok(value) }
            }
            None => Ok(value),
        }
    }

    pub fn specs(&self) -> Vec<String> {
        self.things.lock().unwrap().values().map(|thing| thing.spec["name"].to_string()).collect()
    }
}

fn uses(thing: &Thing, id: &str) -> bool {
    thing.spec["needs"].as_array().is_some_and(|needs| needs.iter().any(|need| need == id))
}

#[async_trait]
impl Operations for InMemory {
    fn type_info(&self) -> TypeInfo {
        let name_only = self.create_first || self.in_place;
        TypeInfo {
            // A resource that is deleted before its replacement exists can't be used meanwhile: its users are replaced too.
            force_new: if name_only { &["name"][..] } else { &["name", "needs"] },
            create_before_destroy: self.create_first,
            immutable: if self.fixed_size { &[Immutable { field: "size", advice: "keep the size" }] } else { &[] },
            blocks_deletion_of: if self.blocks_deletion { &["thing"][..] } else { &[] },
            ..TypeInfo::new("thing", Duration::from_secs(1), &[])
        }
    }

    fn canonical(&self, spec: &Value) -> Result<Value, StepError> {
        Ok(spec.clone())
    }

    fn hourly_charge(&self, _spec: &Value) -> Option<String> {
        None
    }

    fn outputs_for(&self, id: &str) -> Value {
        json!({ "id": id })
    }

    async fn observe(&self, target: Target<'_>) -> Result<Option<Observed>, StepError> {
        self.alive()?;
        if *self.unseen.lock().unwrap() == Some(target.step.region.as_str()) {
            return Err(StepError::new("no answer"));
        }
        let things = self.things.lock().unwrap();
        let name = &target.step.spec["name"];
        let found = match target.known.and_then(|known| known["id"].as_str()) {
            Some(id) => things.get_key_value(id),
            // By its name: a new name finds nothing.
            None => things.iter().find(|(id, thing)| {
                let is_old = target.predecessor.is_some_and(|old| old["id"] == **id);
                thing.spec["name"] == *name && thing.region == target.step.region && !is_old
            }),
        };
        let found = found.filter(|(_, thing)| thing.region == target.step.region);
        Ok(found.map(|(id, thing)| Observed {
            spec: thing.spec.clone(),
            outputs: json!({ "id": id }),
            ownership: match self.name_only {
                true => Ownership::NameOnly,
                false => Ownership::Tagged(thing.tags.clone()),
            },
            live: None,
        }))
    }

    async fn create(&self, target: Target<'_>) -> Result<Value, StepError> {
        self.alive()?;
        tokio::task::yield_now().await;
        let mut made = self.made.lock().unwrap();
        *made += 1;
        let id = format!("id-{made}");
        let mut things = self.things.lock().unwrap();
        for need in target.step.spec["needs"].as_array().unwrap() {
            assert!(things.contains_key(need.as_str().unwrap()), "{} was created before {need}", target.step.id);
        }
        let (region, spec, tags) = (target.step.region.clone(), target.step.spec.clone(), target.step.tags.clone());
        things.insert(id.clone(), Thing { region, spec, tags });
        self.answer(json!({ "id": id }))
    }

    async fn update(&self, target: Target<'_>, observed: &Observed, _: &[FieldChange]) -> Result<Value, StepError> {
        self.alive()?;
        let id = observed.outputs["id"].as_str().unwrap();
        self.things.lock().unwrap().get_mut(id).unwrap().spec = target.step.spec.clone();
        self.answer(observed.outputs.clone())
    }

    async fn tag(&self, _: &Step, outputs: &Value, set: &Tags, remove: &[String]) -> Result<(), StepError> {
        self.alive()?;
        let mut things = self.things.lock().unwrap();
        let thing = things.get_mut(outputs["id"].as_str().unwrap()).unwrap();
        thing.tags.extend(set.clone());
        thing.tags.retain(|key, _| !remove.contains(key));
        self.answer(())
    }

    fn check_transition(&self, desired: &Value, actual: &Value) -> Result<Option<Refusal>, StepError> {
        let shrinks = desired["size"].as_i64() < actual["size"].as_i64();
        Ok((self.no_shrink && shrinks).then(|| Refusal::new("size", "make it bigger")))
    }

    async fn delete(&self, step: &Step, outputs: &Value) -> Result<(), StepError> {
        self.alive()?;
        tokio::task::yield_now().await;
        let id = outputs["id"].as_str().unwrap();
        let mut things = self.things.lock().unwrap();
        let user = things.iter().find(|(_, thing)| uses(thing, id));
        assert!(user.is_none(), "{} was deleted while {user:?} used it", step.id);
        things.remove(id);
        self.answer(())
    }
}

impl Provider for InMemory {
    fn operations(&self, _kind: &str) -> Result<&dyn Operations, StepError> {
        Ok(self)
    }
}

pub fn owner() -> Owner {
    Owner { system: "test".to_owned(), suffix: "dev1".to_owned() }
}

/// The desired steps: name, size, dependencies.
pub type Desired = BTreeMap<usize, (String, i64, Vec<usize>)>;

pub fn graph(desired: &Desired) -> Graph {
    let id = |n: usize| StepId(format!("s{n:02}"));
    let steps = desired.iter().map(|(n, (name, size, needs))| {
        let needs: Vec<String> = needs.iter().map(|need| token(&id(*need), "id")).collect();
        Step {
            tags: owner().tags(&id(*n), false),
            id: id(*n),
            kind: "thing",
            region: "here".to_owned(),
            environment: None,
            spec: json!({ "name": name, "size": size, "needs": needs }),
            after: BTreeMap::new(),
            shared: false,
        }
    });
    Graph::new(steps.collect()).unwrap()
}

pub async fn apply(world: &InMemory, graph: &Graph, folder: &Path) -> Report {
    apply_part(world, graph, folder, Selection::default()).await
}

pub async fn apply_part(world: &InMemory, graph: &Graph, folder: &Path, selection: Selection) -> Report {
    let (_stop, stop) = watch::channel(false);
    let session = Store::folder(folder).open("dev1", "test", || State::new("test", "dev1", "1", "here")).await.unwrap();
    let owner = owner();
    let engine = EngineContext {
        owner: &owner,
        graph,
        provider: world,
        observer: &Silent,
        stop,
        adopt_by_name: false,
        selection,
    };
    let plan = engine.plan(&session.state()).await;
    let report = engine.execute(plan, &session).await;
    // A dead run writes no state: only its journal exists.
    if world.alive().is_ok() {
        session.finish().await.unwrap();
    }
    report
}

pub async fn plan_is_empty(world: &InMemory, graph: &Graph, folder: &Path) -> bool {
    plan(world, graph, folder, Selection::default()).await.is_empty()
}

pub async fn plan(world: &InMemory, graph: &Graph, folder: &Path, selection: Selection) -> Plan {
    let (_stop, stop) = watch::channel(false);
    let state =
        Store::folder(folder).read("dev1").await.unwrap().unwrap_or_else(|| State::new("test", "dev1", "1", "here"));
    let owner = owner();
    EngineContext { owner: &owner, graph, provider: world, observer: &Silent, stop, adopt_by_name: false, selection }
        .plan(&state)
        .await
}

/// Desired steps of size 1.
pub fn desired(steps: &[(usize, &str, &[usize])]) -> Desired {
    steps.iter().map(|(n, name, needs)| (*n, ((*name).to_owned(), 1, needs.to_vec()))).collect()
}
