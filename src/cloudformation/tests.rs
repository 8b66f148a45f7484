use serde_json::json;

use super::logical_ids::LogicalIds;
use super::*;
use crate::engine::Tags;
use crate::engine::ownership::Owner;
use crate::modules::{Identity, Stack};
use crate::resources::document::Document;
use crate::resources::ids::QueueArn;
use crate::resources::registry::Types;
use crate::resources::route53::HostedZone;
use crate::resources::s3::BucketPolicy;
use crate::resources::sqs::{DeadLetters, Queue};
use crate::resources::ssm::Parameter;

fn stack() -> Stack {
    Stack::new(Identity {
        owner: Owner { system: "shop".to_owned(), suffix: "dev1".to_owned() },
        account: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        tags: Tags::from([("CostCenter".to_owned(), "7".to_owned())]),
    })
}

fn queue(name: &str, dead_letters: Option<QueueArn>) -> Queue {
    Queue {
        name: name.to_owned(),
        kms_key: Some("alias/aws/sqs".into()),
        retention_seconds: 60,
        visibility_timeout_seconds: 30,
        receive_wait_seconds: 0,
        dead_letters: dead_letters.map(|queue| DeadLetters { queue, max_receives: 3 }),
        policy: Document::new(json!({"Statement": [{"Effect": "Deny", "Action": "sqs:*"}]})),
    }
}

fn template(stack: Stack, outputs: &BTreeMap<String, String>) -> Template {
    let graph = Graph::new(stack.into_steps()).unwrap();
    let types = &Types::shipped();
    let (title, account, partition) = ("shop dev1", "123456789012", "aws");
    Export { title, account, partition, graph: &graph, outputs, types }.template("us-east-1").unwrap()
}

#[test]
fn references_become_intrinsic_functions() {
    let stack = stack();
    let root = stack.root();
    let dead = root.add("dead-letters", queue("dead", None));
    let main = root.add("main", queue("main", Some(dead.arn)));
    let text = format!("{} in ${{AWS::Region}}", main.url);
    root.after(&dead.url, "as an example").add("url", Parameter::plain("/shop/url", "Where to send", text));
    let Template { body, gaps, .. } = template(stack, &BTreeMap::from([("queue_url".to_owned(), main.url)]));
    let redrive = &body["Resources"]["Main"]["Properties"]["RedrivePolicy"];
    assert_eq!(*redrive, json!({"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}, "maxReceiveCount": 3}));
    assert_eq!(body["Resources"]["Main"]["DependsOn"], json!(["DeadLettersPolicy"]));
    assert_eq!(body["Resources"]["Url"]["DependsOn"], json!(["DeadLetters", "DeadLettersPolicy", "MainPolicy"]));
    assert_eq!(body["Resources"]["MainPolicy"]["Properties"]["Queues"], json!([{"Ref": "Main"}]));
    // Text that looks like a substitution is escaped.
    assert_eq!(body["Resources"]["Url"]["Properties"]["Value"], json!({"Fn::Sub": "${Main} in ${!AWS::Region}"}));
    assert_eq!(body["Outputs"], json!({"QueueUrl": {"Value": {"Ref": "Main"}}}));
    assert_eq!((gaps, body.get("Parameters")), (Vec::new(), None));
}

#[test]
fn account_partition_and_region_become_pseudo_parameters() {
    let stack = stack();
    let texts = [
        (
            "arn:aws:sqs:us-east-1:123456789012:main",
            json!({"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:main"}),
        ),
        ("123456789012", json!({"Ref": "AWS::AccountId"})),
        ("logs.us-east-1.amazonaws.com", json!({"Fn::Sub": "logs.${AWS::Region}.amazonaws.com"})),
        ("arn:aws:iam::aws:policy/ReadOnly", json!({"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/ReadOnly"})),
        // A zone, another number, another region, a text that is no ARN.
        ("us-east-1a 1234567890123 us-east-2 ünï:aws:", json!("us-east-1a 1234567890123 us-east-2 ünï:aws:")),
    ];
    for (number, (text, _)) in texts.iter().enumerate() {
        stack.root().add(&format!("text-{number}"), Parameter::plain("/shop/text", "", (*text).to_owned()));
    }
    let body = template(stack, &BTreeMap::new()).body;
    for (number, (_, expected)) in texts.iter().enumerate() {
        assert_eq!(body["Resources"][format!("Text{number}")]["Properties"]["Value"], *expected);
    }
}

#[test]
fn ownership_tags_are_left_out() {
    let stack = stack();
    stack.root().add("main", queue("main", None));
    let body = template(stack, &BTreeMap::new()).body;
    let tags = body["Resources"]["Main"]["Properties"]["Tags"].as_array().unwrap().clone();
    let keys: Vec<_> = tags.iter().map(|tag| tag["Key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["CostCenter", "Environment", "Name", "Stack", "provisioner:suffix"]);
}

#[test]
fn references_that_no_resource_resolves_become_parameters() {
    let stack = stack();
    let root = stack.root();
    let far = root.in_region("us-east-2").add("far", queue("far", None));
    root.add("main", queue("main", Some(far.arn)));
    let secret = root.add("secret", Parameter::generated("/shop/secret", "Signs", &"alias/aws/ssm".into(), 32));
    root.add("pointer", Parameter::plain("/shop/pointer", "Which secret", secret.version));
    let outputs = BTreeMap::from([("far".to_owned(), far.url)]);
    let Template { body, gaps, required_parameters } = template(stack, &outputs);
    let parameters: Vec<_> = body["Parameters"].as_object().unwrap().keys().collect();
    assert_eq!(parameters, ["FarArn", "SecretVersion"]);
    let redrive = &body["Resources"]["Main"]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"];
    assert_eq!(*redrive, json!({"Ref": "FarArn"}));
    assert_eq!(body["Resources"].get("Secret"), None);
    assert!(gaps.iter().all(|gap| gap.step.0 == "secret"), "{gaps:?}");
    let [RequiredParameter { parameter, step, .. }] = &required_parameters[..] else {
        panic!("{required_parameters:?}")
    };
    assert_eq!((parameter.as_str(), step.0.as_str()), ("SecretVersion", "secret"));
    let listed = body["Metadata"]["NotExpressed"].as_array().unwrap();
    assert_eq!(listed.len(), gaps.len());
    // An output that refers to another region belongs to that region's template.
    assert_eq!(body.get("Outputs"), None);
}

#[test]
fn templates_export_what_other_regions_refer_to() {
    let steps = || {
        let stack = stack();
        let there = stack.root().in_region("us-east-2");
        let near = stack.root().add("near", queue("near", None));
        let far = there.add("far", queue("far", Some(near.arn)));
        (stack, far)
    };
    let one_way = template(steps().0, &BTreeMap::new());
    assert_eq!(one_way.body["Outputs"], json!({"NearArn": {"Value": {"Fn::GetAtt": ["Near", "Arn"]}}}));
    assert_eq!(one_way.gaps, []);
    let (stack, far) = steps();
    stack.root().add("back", queue("back", Some(far.arn)));
    let gaps = template(stack, &BTreeMap::new()).gaps;
    assert!(matches!(&gaps[..], [Gap { step, what, .. }] if step.0 == "far" && what.contains("us-east-2")), "{gaps:?}");
}

#[test]
fn depends_on_replaces_dependencies_without_a_reference() {
    let stack = stack();
    let root = stack.root();
    let queue = root.add("queue", queue("main", None));
    // The policy's output is a copy of its input, so no reference to the policy is left.
    let policy = root.add("policy", BucketPolicy { bucket: queue.name, policy: Document::default() });
    root.add("pointer", Parameter::plain("/shop/bucket", "Where receipts are", policy.bucket));
    let resources = &template(stack, &BTreeMap::new()).body["Resources"];
    let pointer = &resources["Pointer"];
    assert_eq!(pointer["Properties"]["Value"], json!({"Fn::GetAtt": ["Queue", "QueueName"]}));
    assert_eq!(pointer["DependsOn"], json!(["Policy"]));
    // A step that uses the queue comes after the queue's own policy.
    assert_eq!(resources["Policy"]["DependsOn"], json!(["QueuePolicy"]));
    assert_eq!(resources["QueuePolicy"].get("DependsOn"), None);
}

#[test]
fn lists_are_joined_within_a_text() {
    let stack = stack();
    let zone = stack.root().add("zone", HostedZone { name: "shop.example".to_owned(), comment: String::new() });
    let text = format!("ask {}", zone.name_servers);
    let body = template(stack, &BTreeMap::from([("ask".to_owned(), text), ("all".to_owned(), zone.name_servers)])).body;
    let list = json!({"Fn::Join": [", ", {"Fn::GetAtt": ["Zone", "NameServers"]}]});
    assert_eq!(body["Outputs"]["All"]["Value"], list);
    assert_eq!(body["Outputs"]["Ask"]["Value"], json!({"Fn::Join": ["", ["ask ", list]]}));
}

#[test]
fn logical_ids_are_alphanumeric_and_unique() {
    let mut ids = LogicalIds::default();
    let allocated = ["blue/network/subnet-us-east-1a", "a-b", "a/b", "AB", "…"].map(|name| ids.allocate(name));
    assert_eq!(allocated, ["BlueNetworkSubnetUsEast1a", "AB", "ABX2", "ABX3", "Unnamed"]);
}
