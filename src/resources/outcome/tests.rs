//! A fake AWS with one resource, whose responses get lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use super::*;
use crate::aws::cx::Shared;
use crate::aws::{Cloud, Endpoint};
use crate::cloudformation::Form;
use crate::engine::events::Silent;
use crate::engine::ownership::Owner;
use crate::resources::{TypeInfo, seconds};

/// What happens to a call.
#[derive(Clone, Copy)]
enum Fate {
    /// It takes effect, and its response is lost.
    Lost,
    /// It never reaches AWS.
    Unsent,
    /// It takes effect, its response is lost, and the SDK repeats it.
    Repeated,
    /// AWS denies it.
    Denied,
}

#[derive(Default)]
struct Aws {
    /// The size and tags of the resource.
    existing: Option<(u32, Tags)>,
    fates: VecDeque<Fate>,
    calls: Vec<&'static str>,
    is_unreachable: bool,
}

impl Aws {
    /// Applies `effect` and responds, according to the next fate.
    fn take(&mut self, call: &'static str, effect: impl FnOnce(&mut Self)) -> Result<()> {
        self.calls.push(call);
        let fate = self.fates.pop_front();
        if !matches!(fate, Some(Fate::Unsent | Fate::Denied)) {
            effect(self);
        }
        match fate {
            None => Ok(()),
            Some(Fate::Lost | Fate::Unsent) => Err(error(Class::OutcomeUnknown)),
            Some(Fate::Repeated) => Err(error(Class::AlreadyExists)),
            Some(Fate::Denied) => Err(error(Class::Denied)),
        }
    }
}

fn error(class: Class) -> Error {
    let mut error = Error::local("the first error");
    error.class = class;
    error
}

#[derive(Default, Serialize, Deserialize)]
struct Thing {
    /// Set by a second call.
    size: u32,
    #[serde(skip)]
    aws: Arc<Mutex<Aws>>,
}

impl Thing {
    fn aws(&self) -> MutexGuard<'_, Aws> {
        self.aws.lock().unwrap()
    }
}

impl Resource for Thing {
    const TYPE: TypeInfo = TypeInfo::new("test.thing", seconds(1), &[]);

    type Outputs = ();

    async fn observe(&self, _: &Cx, _: Option<&()>) -> Result<Option<Found<Self>>> {
        let aws = self.aws();
        if aws.is_unreachable {
            return Err(error(Class::OutcomeUnknown));
        }
        let existing = aws.existing.clone();
        Ok(existing.map(|(size, tags)| Found::tagged(Thing { size, aws: self.aws.clone() }, (), tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<()> {
        self.aws().take("create", |aws| aws.existing = Some((0, cx.tags.clone())))?;
        self.aws().take("set size", |aws| aws.existing.as_mut().unwrap().0 = self.size)
    }

    async fn update(&self, _: &Cx, _: &Found<Self>, changes: &Changes<'_>) -> Result<()> {
        assert!(changes.has("size"));
        self.aws().take("set size", |aws| aws.existing.as_mut().unwrap().0 = self.size)
    }

    async fn delete(_: &Cx, _: &()) -> Result<()> {
        unreachable!("no test deletes")
    }

    fn cloudformation(&self) -> Form {
        unreachable!("no test exports")
    }
}

fn owner(suffix: &str) -> Owner {
    Owner { system: "test".to_owned(), suffix: suffix.to_owned() }
}

async fn setup(fates: &[Fate]) -> (Thing, Step, Cx) {
    let thing = Thing { size: 3, ..Thing::default() };
    thing.aws().fates.extend(fates);
    let id = crate::engine::StepId("thing".to_owned());
    let tags = owner("dev1").tags(&id, false);
    let spec = serde_json::to_value(&thing).unwrap();
    let (region, after) = ("us-east-1".to_owned(), Default::default());
    let environment = None;
    let step = Step {
        id: id.clone(),
        kind: Thing::TYPE.kind,
        region,
        environment,
        spec,
        tags: tags.clone(),
        after,
        shared: false,
    };
    let shared = Shared {
        // No calls are made.
        cloud: Arc::new(Cloud::open(Endpoint::Sandbox { port: 1 }).await),
        account: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        owner: owner("dev1"),
        observer: Arc::new(Silent),
    };
    let cx = Cx::new(Arc::new(shared), "us-east-1", id, tags, "token".to_owned());
    (thing, step, cx)
}

#[tokio::test]
async fn create_is_completed_after_a_lost_response() {
    for fate in [Fate::Lost, Fate::Repeated] {
        let (thing, step, cx) = setup(&[fate]).await;
        create(&thing, &step, &cx).await.unwrap();
        assert_eq!(thing.aws().existing, Some((3, step.tags)));
        assert_eq!(thing.aws().calls, ["create", "set size"]);
    }
}

#[tokio::test]
async fn create_survives_two_lost_responses() {
    let (thing, step, cx) = setup(&[Fate::Lost, Fate::Lost]).await;
    create(&thing, &step, &cx).await.unwrap();
    assert_eq!(thing.aws().existing.as_ref().unwrap().0, 3);
    assert_eq!(thing.aws().calls, ["create", "set size"]);
}

#[tokio::test]
async fn create_is_repeated_if_it_never_reached_aws() {
    let (thing, step, cx) = setup(&[Fate::Unsent]).await;
    create(&thing, &step, &cx).await.unwrap();
    assert_eq!(thing.aws().calls, ["create", "create", "set size"]);
}

#[tokio::test]
async fn create_is_not_repeated_while_reads_fail() {
    let (thing, step, cx) = setup(&[Fate::Lost]).await;
    thing.aws().is_unreachable = true;
    let error = create(&thing, &step, &cx).await.unwrap_err();
    assert_eq!((error.class, error.message.as_str()), (Class::OutcomeUnknown, "the first error"));
    assert_eq!(thing.aws().calls, ["create"]);
}

#[tokio::test]
async fn denied_create_is_not_repeated() {
    let (thing, step, cx) = setup(&[Fate::Denied]).await;
    assert_eq!(create(&thing, &step, &cx).await.unwrap_err().class, Class::Denied);
    assert_eq!(thing.aws().calls, ["create"]);
}

#[tokio::test]
async fn unmanaged_resource_with_the_name_is_left_alone() {
    for is_tagged in [true, false] {
        let (thing, step, cx) = setup(&[Fate::Unsent]).await;
        let theirs = if is_tagged { owner("dev2").tags(&step.id, false) } else { Tags::new() };
        // Even if it is exactly as desired.
        thing.aws().existing = Some((3, theirs.clone()));
        assert_eq!(create(&thing, &step, &cx).await.unwrap_err().message, "the first error");
        assert_eq!(thing.aws().existing, Some((3, theirs)));
        assert_eq!(thing.aws().calls, ["create"]);
    }
}

#[tokio::test]
async fn update_is_repeated_only_if_it_took_no_effect() {
    for (fate, calls) in [(Fate::Lost, 1), (Fate::Repeated, 1), (Fate::Unsent, 2), (Fate::Denied, 1)] {
        let (thing, step, cx) = setup(&[fate]).await;
        thing.aws().existing = Some((1, step.tags.clone()));
        let found = thing.observe(&cx, None).await.unwrap().unwrap();
        let changes = differences(&thing, &found).unwrap();
        let outcome = update(&thing, &cx, &found, &changes).await;
        assert_eq!(outcome.is_ok(), !matches!(fate, Fate::Denied));
        assert_eq!(thing.aws().calls.len(), calls);
    }
}
