//! An AWS of one thing, whose answers get lost.

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

/// What becomes of a call.
#[derive(Clone, Copy)]
enum Fate {
    /// It takes effect, and the answer is lost.
    Lost,
    /// AWS never hears of it.
    Unsent,
    /// It takes effect, its answer is lost, and the SDK asks once more.
    Repeated,
    /// Whoever asks may not.
    Denied,
}

#[derive(Default)]
struct Aws {
    /// Its size and tags.
    standing: Option<(u32, Tags)>,
    fates: VecDeque<Fate>,
    asked: Vec<&'static str>,
    is_silent: bool,
}

impl Aws {
    /// Does it or not, and answers or not.
    fn take(&mut self, call: &'static str, effect: impl FnOnce(&mut Self)) -> Result<()> {
        self.asked.push(call);
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
    let mut error = Error::local("what happened first");
    error.class = class;
    error
}

#[derive(Default, Serialize, Deserialize)]
struct Thing {
    /// Set by a call after the one that makes it.
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
        if aws.is_silent {
            return Err(error(Class::OutcomeUnknown));
        }
        let standing = aws.standing.clone();
        Ok(standing.map(|(size, tags)| Found::tagged(Thing { size, aws: self.aws.clone() }, (), tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<()> {
        self.aws().take("create", |aws| aws.standing = Some((0, cx.tags.clone())))?;
        self.aws().take("set size", |aws| aws.standing.as_mut().unwrap().0 = self.size)
    }

    async fn update(&self, _: &Cx, _: &Found<Self>, changes: &Changes<'_>) -> Result<()> {
        assert!(changes.has("size"));
        self.aws().take("set size", |aws| aws.standing.as_mut().unwrap().0 = self.size)
    }

    async fn delete(_: &Cx, _: &()) -> Result<()> {
        unreachable!("nothing is deleted here")
    }

    fn cloudformation(&self) -> Form {
        unreachable!("nothing is exported here")
    }
}

fn owner(suffix: &str) -> Owner {
    Owner { system: "test".to_owned(), suffix: suffix.to_owned() }
}

async fn scene(fates: &[Fate]) -> (Thing, Step, Cx) {
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
        // Nobody is asked.
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
async fn what_was_made_although_the_answer_was_lost_is_finished_and_not_made_again() {
    for fate in [Fate::Lost, Fate::Repeated] {
        let (thing, step, cx) = scene(&[fate]).await;
        create(&thing, &step, &cx).await.unwrap();
        assert_eq!(thing.aws().standing, Some((3, step.tags)));
        assert_eq!(thing.aws().asked, ["create", "set size"]);
    }
}

#[tokio::test]
async fn a_lost_answer_may_be_followed_by_another() {
    let (thing, step, cx) = scene(&[Fate::Lost, Fate::Lost]).await;
    create(&thing, &step, &cx).await.unwrap();
    assert_eq!(thing.aws().standing.as_ref().unwrap().0, 3);
    assert_eq!(thing.aws().asked, ["create", "set size"]);
}

#[tokio::test]
async fn what_never_reached_aws_is_asked_for_again() {
    let (thing, step, cx) = scene(&[Fate::Unsent]).await;
    create(&thing, &step, &cx).await.unwrap();
    assert_eq!(thing.aws().asked, ["create", "create", "set size"]);
}

#[tokio::test]
async fn as_long_as_nobody_can_tell_whether_it_stands_it_is_not_asked_for_again() {
    let (thing, step, cx) = scene(&[Fate::Lost]).await;
    thing.aws().is_silent = true;
    let error = create(&thing, &step, &cx).await.unwrap_err();
    assert_eq!((error.class, error.message.as_str()), (Class::OutcomeUnknown, "what happened first"));
    assert_eq!(thing.aws().asked, ["create"]);
}

#[tokio::test]
async fn what_is_refused_for_good_is_asked_for_once() {
    let (thing, step, cx) = scene(&[Fate::Denied]).await;
    assert_eq!(create(&thing, &step, &cx).await.unwrap_err().class, Class::Denied);
    assert_eq!(thing.aws().asked, ["create"]);
}

#[tokio::test]
async fn a_name_that_a_stranger_has_taken_is_left_alone() {
    for is_tagged in [true, false] {
        let (thing, step, cx) = scene(&[Fate::Unsent]).await;
        let theirs = if is_tagged { owner("dev2").tags(&step.id, false) } else { Tags::new() };
        // It may even be just what was asked for.
        thing.aws().standing = Some((3, theirs.clone()));
        assert_eq!(create(&thing, &step, &cx).await.unwrap_err().message, "what happened first");
        assert_eq!(thing.aws().standing, Some((3, theirs)));
        assert_eq!(thing.aws().asked, ["create"]);
    }
}

#[tokio::test]
async fn a_change_that_took_effect_although_the_answer_was_lost_is_not_made_again() {
    for (fate, asked) in [(Fate::Lost, 1), (Fate::Repeated, 1), (Fate::Unsent, 2), (Fate::Denied, 1)] {
        let (thing, step, cx) = scene(&[fate]).await;
        thing.aws().standing = Some((1, step.tags.clone()));
        let found = thing.observe(&cx, None).await.unwrap().unwrap();
        let changes = differences(&thing, &found).unwrap();
        let outcome = update(&thing, &cx, &found, &changes).await;
        assert_eq!(outcome.is_ok(), !matches!(fate, Fate::Denied));
        assert_eq!(thing.aws().asked.len(), asked);
    }
}
