//! Every resource type against the sandbox: created, read back as desired, an empty plan, other tags, a change of each
//! field, a replacement where AWS can't change it, deleted, not found. The only code for a type are its [samples](samples).
//!
//! `PROVISIONER_TYPES=sqs.queue,sns` tests only these.

mod fields;
mod life;
mod samples;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures::future::{LocalBoxFuture, join_all};
use provisioner::cloudformation::Export;
use provisioner::engine::graph::Graph;
use provisioner::modules::{Scope, Stack};
use provisioner::resources::registry::Types;
use provisioner::resources::*;
use serde_json::Value;

use crate::support::Sandbox;
use crate::support::lint::assert_lints;
use life::{ACCOUNT, Life, SAMPLE, fields_without_change, life, plain};

const REGION: &str = "us-east-1";
/// The number of sandboxes: each tests one type at a time.
const SANDBOXES: usize = 3;

/// The specs of a type that its test applies.
pub trait Sample: Resource + Clone {
    /// The specs. Their dependencies are added to `scope`: networks, keys, roles.
    fn samples(scope: &Scope<'_>) -> Samples<Self>;
}

/// See [`Sample`].
pub struct Samples<R> {
    specs: Vec<R>,
    region: Option<&'static str>,
    is_kept: bool,
    stays: bool,
    unchanged: BTreeSet<&'static str>,
    not_returned: BTreeSet<&'static str>,
}

impl<R: Sample> Samples<R> {
    /// The spec of the first apply.
    pub fn of(first: R) -> Self {
        let (unchanged, not_returned) = (BTreeSet::new(), BTreeSet::new());
        Samples { specs: vec![first], region: None, is_kept: false, stays: false, unchanged, not_returned }
    }

    /// The first spec with a change, which must be planned and applied. Together the samples change every field, nested
    /// ones too.
    #[must_use]
    pub fn changing(mut self, change: impl FnOnce(&mut R)) -> Self {
        let mut other = self.specs[0].clone();
        change(&mut other);
        self.specs.push(other);
        self
    }

    /// Tests it in another region: AWS allows one of this type per region.
    #[must_use]
    pub fn in_region(self, region: &'static str) -> Self {
        Samples { region: Some(region), ..self }
    }

    /// AWS keeps it for days after its deletion: the recorded id is still found, with other values.
    #[must_use]
    pub fn kept_after_deletion(self) -> Self {
        Samples { is_kept: true, ..self }
    }

    /// A field with a single value, or one that the sandbox can't change; `why` documents the reason.
    #[must_use]
    pub fn without_change_of(mut self, field: &'static str, why: &'static str) -> Self {
        assert!(!why.is_empty());
        self.unchanged.insert(field);
        self
    }

    /// A field that AWS doesn't return: another field shows its change.
    #[must_use]
    pub fn never_returned(mut self, field: &'static str, why: &'static str) -> Self {
        assert!(!why.is_empty());
        self.not_returned.insert(field);
        self
    }

    /// It is part of another resource: it can be read until that one is deleted.
    #[must_use]
    pub fn staying_with(self, why: &'static str) -> Self {
        assert!(!why.is_empty());
        Samples { stays: true, ..self }
    }
}

/// Returns the errors in a type's samples.
type Check = fn() -> Vec<String>;

macro_rules! checks {
    ($($resource:ty,)*) => {
        vec![$((<$resource>::TYPE.kind, fields_without_change::<$resource> as Check),)*]
    };
}

#[test]
fn samples_change_every_field_of_every_type() {
    let all: Vec<(&str, Check)> = provisioner::resource_types!(checks);
    let all = selected(all).into_iter();
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
    let all = selected(all).into_iter();
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

/// Tests a type in a sandbox; returns the errors.
type Live = for<'a> fn(&'a Sandbox) -> LocalBoxFuture<'a, Vec<String>>;

macro_rules! types {
    ($($resource:ty,)*) => {
        vec![$((<$resource>::TYPE.kind, (|sandbox| Box::pin(life::<$resource>(sandbox))) as Live),)*]
    };
}

/// The types of `PROVISIONER_TYPES`.
fn selected<T>(all: Vec<(&'static str, T)>) -> Vec<(&'static str, T)> {
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
    let left = RefCell::new(selected(all));
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

/// Returns a template with all samples of a type.
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
    for (kind, template) in selected(all) {
        let template = template();
        assert!(!template.to_string().contains('⟦'), "{kind}: a reference is left: {template}");
        // CloudFormation has no resource for some types.
        if template.get("Resources").is_some() {
            let file = folder.path().join(format!("{kind}.json"));
            std::fs::write(&file, template.to_string()).expect("it is written");
            files.push(file);
        }
    }
    // The samples are alternatives: side by side they have the same name and place.
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
