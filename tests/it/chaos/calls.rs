//! Single calls that fail, made by the library.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provisioner::aws::cx::Shared;
use provisioner::aws::{Cloud, Cx, Endpoint};
use provisioner::engine::events::Silent;
use provisioner::engine::ownership::Owner;
use provisioner::engine::{Step, StepId};
use provisioner::resources::document::Document;
use provisioner::resources::{Resource, iam, kms, outcome};
use serde_json::{Value, json};

use crate::support::proxy::{Fault, Reach, Refusal};
use crate::support::{Proxy, Sandbox};

const HOME: &str = "us-east-1";

/// Makes the first call of each key fail.
fn fail_first(proxy: &Proxy, fault: Fault) {
    let mut seen = BTreeSet::new();
    proxy.on_call(move |call| seen.insert(call.key.clone()).then_some(fault));
}

/// A step with this spec, and its context.
async fn step<R: Resource>(proxy: &Proxy, spec: &R) -> (Step, Cx) {
    let owner = Owner { system: "test".to_owned(), suffix: "dev1".to_owned() };
    let id = StepId("thing".to_owned());
    let tags = owner.tags(&id, false);
    let shared = Shared {
        cloud: Arc::new(Cloud::open(Endpoint::Sandbox { port: proxy.port() }).await),
        account: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        owner,
        observer: Arc::new(Silent),
    };
    let step = Step {
        id: id.clone(),
        kind: R::TYPE.kind,
        region: HOME.to_owned(),
        environment: None,
        spec: serde_json::to_value(spec).unwrap(),
        tags: tags.clone(),
        after: BTreeMap::new(),
        shared: false,
    };
    (step, Cx::new(Arc::new(shared), HOME, id, tags, "0123456789abcdef0123456789abcdef".to_owned()))
}

fn policy(statement: Value) -> Document {
    Document::new(json!({ "Version": "2012-10-17", "Statement": [statement] }))
}

#[tokio::test]
async fn every_call_is_retried_under_many_parallel_failures() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let cloud = Cloud::open(Endpoint::Sandbox { port: proxy.port() }).await;
    let at = cloud.region(HOME);
    fail_first(&proxy, Fault::Refuse(Refusal::InternalFailure, Reach::Unsent));
    let looks = (0..200).map(|number| {
        let filter = aws_sdk_ec2::types::Filter::builder().name("tag:number").values(number.to_string()).build();
        at.ec2.describe_vpcs().filters(filter).send()
    });
    let failed: Vec<_> = futures::future::join_all(looks).await.into_iter().filter_map(Result::err).collect();
    assert_eq!(failed.len(), 0, "for example {:?}", failed.first());
    assert_eq!(proxy.calls().len(), 400);
}

#[tokio::test]
async fn key_with_lost_create_response_is_found_again() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let everything = json!({
        "Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": { "AWS": "arn:aws:iam::123456789012:root" },
    });
    let key =
        kms::Key { description: "lost".to_owned(), policy: policy(everything), rotation: true, multi_region: false };
    let (step, cx) = step(&proxy, &key).await;
    fail_first(&proxy, Fault::Refuse(Refusal::InternalFailure, Reach::Processed));
    let outputs = outcome::create(&key, &step, &cx).await.unwrap();
    proxy.pass_all();
    let keys = cx.kms.list_keys().send().await.unwrap().keys.unwrap_or_default();
    assert_eq!(keys.iter().filter_map(|key| key.key_id()).collect::<Vec<_>>(), [outputs.key_id.as_str()]);
    let rotation = cx.kms.get_key_rotation_status().key_id(&outputs.key_id).send().await.unwrap();
    assert!(rotation.key_rotation_enabled, "the create was completed");

    // AWS has scheduled its deletion, and refuses a second request.
    fail_first(&proxy, Fault::Reset(Reach::Processed));
    kms::Key::delete(&cx, &outputs).await.unwrap();
}

#[tokio::test]
async fn role_deletion_survives_lost_responses() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let publish = policy(json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": "*" }));
    let inline = ["first", "second"].map(|name| (name.to_owned(), publish.clone()));
    let service = json!({ "Service": "lambda.amazonaws.com" });
    let role = iam::Role {
        name: "lost".to_owned(),
        description: "lost".to_owned(),
        trust: policy(json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": service })),
        inline_policies: BTreeMap::from(inline),
        managed_policies: BTreeSet::from(["arn:aws:iam::aws:policy/ReadOnlyAccess".into()]),
        max_session_seconds: 3600,
    };
    let (step, cx) = step(&proxy, &role).await;
    fail_first(&proxy, Fault::Cut);
    let outputs = outcome::create(&role, &step, &cx).await.unwrap();
    iam::Role::delete(&cx, &outputs).await.unwrap();
    assert!(role.observe(&cx.uncached(), None).await.unwrap().is_none());
}
