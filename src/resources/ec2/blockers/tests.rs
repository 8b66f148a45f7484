//! The waits as a whole, on clients whose answers are given here: a call that no test expects is a panic.

mod looks;

use std::sync::{Arc, Mutex};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::delete_security_group::{DeleteSecurityGroupError, DeleteSecurityGroupOutput};
use aws_sdk_ec2::operation::delete_subnet::DeleteSubnetError;
use aws_sdk_ec2::operation::describe_network_interfaces::{
    DescribeNetworkInterfacesError, DescribeNetworkInterfacesOutput,
};
use aws_sdk_ec2::operation::describe_security_groups::DescribeSecurityGroupsOutput;
use aws_sdk_ec2::operation::describe_tags::DescribeTagsOutput;
use aws_sdk_ec2::types::builders::NetworkInterfaceBuilder;
use aws_sdk_ec2::types::{
    Filter, GroupIdentifier, NetworkInterface, NetworkInterfaceAttachment, NetworkInterfaceType, SecurityGroup, Tag,
    TagDescription,
};
use aws_sdk_lambda::operation::get_function::GetFunctionError;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_mocks::{Rule, mock};
use aws_smithy_types::error::ErrorMetadata;
use aws_types::SdkConfig;

use super::*;
use crate::aws::cx::Shared;
use crate::aws::mocks::client;
use crate::aws::{Clients, Cloud, Endpoint};
use crate::engine::ownership::{Owner, STEP, SUFFIX, SYSTEM};
use crate::engine::{Event, Observer, Tags};
use crate::resources::Resource;
use crate::resources::ec2::{SecurityGroup as Group, SecurityGroupOutputs, Subnet, SubnetOutputs};

/// What was waited for.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Told {
    fn on(&self, event: Event) {
        if let Event::StepWaiting { what, .. } = event {
            self.0.lock().unwrap().push(what);
        }
    }
}

/// A step of the system `shop` with the suffix `dev1`, in a sandbox that answers by `with`.
async fn cx(with: impl FnOnce(&mut Clients)) -> (Cx, Arc<Told>) {
    let told = Arc::new(Told::default());
    let shared = Shared {
        cloud: Arc::new(Cloud::open(Endpoint::Sandbox { port: 9 }).await),
        account: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        owner: Owner { system: "shop".to_owned(), suffix: "dev1".to_owned() },
        observer: told.clone(),
    };
    let config = SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest());
    let config = config.sleep_impl(TokioSleep::new()).time_source(SystemTimeSource::new());
    let mut clients = Clients::new(&config.build(), "us-east-1");
    // None answers, unless told to.
    clients.ec2 = client!(aws_sdk_ec2, [&mock!(Client::delete_vpc).then_error(|| unreachable!())]);
    with(&mut clients);
    let cx = Cx::new(Arc::new(shared), "us-east-1", "blue/network/group".into(), Tags::new(), String::new());
    (cx.with_clients(clients), told)
}

fn because(code: &str) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).message(format!("AWS says {code}")).build()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn our_tags() -> Vec<Tag> {
    vec![tag(SYSTEM, "shop"), tag(SUFFIX, "dev1"), tag(STEP, "blue/network/other")]
}

/// An interface in `subnet-1` with `sg-1`, of our account.
fn interface(id: &str) -> NetworkInterfaceBuilder {
    let group = GroupIdentifier::builder().group_id("sg-1").build();
    NetworkInterface::builder().network_interface_id(id).subnet_id("subnet-1").groups(group).owner_id("123456789012")
}

/// One that Lambda made for this function.
fn of_function(id: &str, name: &str) -> NetworkInterface {
    let described = format!("AWS Lambda VPC ENI-{name}-01234567-89ab-cdef-0123-456789abcdef");
    let interface = interface(id).interface_type(NetworkInterfaceType::Lambda).requester_managed(true);
    interface.description(described).build()
}

fn has_filter(filters: &[Filter], name: &str, value: &str) -> bool {
    filters.iter().any(|filter| filter.name() == Some(name) && filter.values() == [value])
}

/// These interfaces have `sg-1`; in later looks others.
fn interfaces(looks: impl IntoIterator<Item = Vec<NetworkInterface>>) -> Rule {
    let answer = |looks: Vec<NetworkInterface>| {
        move || DescribeNetworkInterfacesOutput::builder().set_network_interfaces(Some(looks.clone())).build()
    };
    let rule = mock!(Client::describe_network_interfaces)
        .match_requests(|request| has_filter(request.filters(), "group-id", "sg-1"))
        .sequence();
    looks.into_iter().fold(rule, |rule, look| rule.output(answer(look))).build()
}

/// Groups whose rules refer to `sg-1`, always the same.
fn groups(referring: Vec<SecurityGroup>) -> Rule {
    let rule = mock!(Client::describe_security_groups).match_requests(|request| {
        ["ip-permission.group-id", "egress.ip-permission.group-id"]
            .iter()
            .any(|direction| has_filter(request.filters(), direction, "sg-1"))
    });
    rule.then_output(move || {
        DescribeSecurityGroupsOutput::builder().set_security_groups(Some(referring.clone())).build()
    })
}

/// AWS refuses to delete the group so many times, and then does.
fn refused(times: usize) -> Rule {
    let rule = mock!(Client::delete_security_group).match_requests(|request| request.group_id() == Some("sg-1"));
    let refuse = || DeleteSecurityGroupError::generic(because("DependencyViolation"));
    rule.sequence().error(refuse).times(times).output(|| DeleteSecurityGroupOutput::builder().build()).build()
}

fn refused_for_good() -> Rule {
    let refuse = || DeleteSecurityGroupError::generic(because("DependencyViolation"));
    mock!(Client::delete_security_group).then_error(refuse)
}

fn no_function() -> Rule {
    mock!(aws_sdk_lambda::Client::get_function)
        .then_error(|| GetFunctionError::generic(because("ResourceNotFoundException")))
}

async fn delete_group(cx: &Cx) -> Result<()> {
    Group::delete(cx, &SecurityGroupOutputs { security_group_id: "sg-1".into() }).await
}

#[tokio::test]
async fn what_nothing_holds_is_deleted_with_one_call() {
    let delete = mock!(Client::delete_security_group).then_output(|| DeleteSecurityGroupOutput::builder().build());
    let (cx, told) = cx(|clients| clients.ec2 = client!(aws_sdk_ec2, [&delete])).await;
    delete_group(&cx).await.unwrap();
    assert_eq!((delete.num_calls(), told.all()), (1, vec![]));
}

#[tokio::test]
async fn what_lambda_leaves_behind_is_named_and_waited_for_and_told_anew_when_it_changes() {
    let both = vec![of_function("eni-1", "pay-blue-dev1"), of_function("eni-2", "audit-blue-dev1")];
    let one = vec![both[1].clone()];
    let (delete, interfaces, groups) = (refused(4), interfaces([both.clone(), both, one.clone(), one]), groups(vec![]));
    let function = no_function();
    let (cx, told) = cx(|clients| {
        clients.ec2 = client!(aws_sdk_ec2, [&delete, &interfaces, &groups]);
        clients.lambda = client!(aws_sdk_lambda, [&function]);
    })
    .await;
    delete_group(&cx).await.unwrap();
    assert_eq!(
        told.all(),
        [
            "eni-1 (left by the function pay-blue-dev1) and eni-2 (left by the function audit-blue-dev1) to let go of \
             sg-1; what Lambda leaves behind usually goes within 20 minutes",
            "eni-2 (left by the function audit-blue-dev1) to let go of sg-1; what Lambda leaves behind usually goes \
             within 20 minutes",
        ]
    );
    assert_eq!((delete.num_calls(), interfaces.num_calls()), (5, 4));
    // What is gone doesn't come back.
    assert_eq!(function.num_calls(), 2);
}

#[tokio::test]
async fn what_strangers_hold_is_given_up_with_their_names_and_what_to_do() {
    let made = interface("eni-9").description("probe of the auditors").tag_set(tag("Owner", "audit")).build();
    let attachment = NetworkInterfaceAttachment::builder().instance_id("i-9").device_index(0).build();
    let of_instance = interface("eni-8").attachment(attachment).owner_id("210987654321").build();
    let held = vec![of_function("eni-1", "pay-blue-dev1"), made, of_instance];
    let looks = mock!(Client::describe_network_interfaces).then_output(move || {
        DescribeNetworkInterfacesOutput::builder().set_network_interfaces(Some(held.clone())).build()
    });
    let tags =
        mock!(Client::describe_tags).match_requests(|request| has_filter(request.filters(), "resource-id", "i-9"));
    let name = TagDescription::builder().resource_id("i-9").key("Name").value("bastion").build();
    let tags = tags.then_output(move || DescribeTagsOutput::builder().tags(name.clone()).build());
    let (delete, groups) = (refused_for_good(), groups(vec![]));
    let (cx, told) = cx(|clients| {
        clients.ec2 = client!(aws_sdk_ec2, [&delete, &looks, &groups, &tags]);
        clients.lambda = client!(aws_sdk_lambda, [&no_function()]);
    })
    .await;
    let error = delete_group(&cx).await.unwrap_err();
    assert_eq!(
        error.message,
        "sg-1 is held by eni-9 (a network interface that somebody made, \"probe of the auditors\", Owner=audit) and eni-8 \
         (of the instance i-9, Name=bastion, of the account 210987654321), and as yet by eni-1 (left by the function \
         pay-blue-dev1)"
    );
    assert_eq!(
        error.help.unwrap(),
        "delete eni-9, or take sg-1 off eni-9; terminate i-9, or take sg-1 off eni-8; then run the same command again: it \
         goes on from here"
    );
    assert_eq!(error.code.unwrap(), "DependencyViolation");
    assert_eq!(error.operation, "ec2:DeleteSecurityGroup");
    let told = told.all();
    assert!(
        told.len() == 1 && told[0].ends_with("; not for long, as AWS doesn't take that away by itself"),
        "{told:?}"
    );
    assert!(delete.num_calls() > 2, "a stranger's thing may be on its way out");
}

#[tokio::test]
async fn a_group_whose_rules_refer_to_ours_is_named() {
    let group = |id: &str| SecurityGroup::builder().group_id(id).group_name("bastion").vpc_id("vpc-1");
    // Its own rules never keep a group.
    let referring = vec![group("sg-1").build(), group("sg-7").tags(tag("team", "ops")).build()];
    let (delete, interfaces, groups) = (refused_for_good(), no_interfaces(), groups(referring));
    let (cx, _) = cx(|clients| clients.ec2 = client!(aws_sdk_ec2, [&delete, &interfaces, &groups])).await;
    let error = delete_group(&cx).await.unwrap_err();
    assert_eq!(
        error.message,
        "sg-1 is held by sg-7 (the security group \"bastion\", whose rules refer to it, team=ops)"
    );
    let help = error.help.unwrap();
    assert!(help.starts_with("take the rules that refer to sg-1 out of sg-7; then run the same command"), "{help}");
}

fn no_interfaces() -> Rule {
    mock!(Client::describe_network_interfaces).then_output(|| DescribeNetworkInterfacesOutput::builder().build())
}

#[tokio::test]
async fn a_stranger_who_lets_go_in_time_ends_nothing() {
    let made = vec![interface("eni-9").build()];
    let (delete, interfaces, groups) = (refused(2), interfaces([made.clone(), made]), groups(vec![]));
    let (cx, told) = cx(|clients| clients.ec2 = client!(aws_sdk_ec2, [&delete, &interfaces, &groups])).await;
    delete_group(&cx).await.unwrap();
    let told = told.all();
    assert!(told.len() == 1 && told[0].starts_with("eni-9 (a network interface that somebody made) to let go of sg-1"));
}

#[tokio::test]
async fn what_nobody_is_seen_to_hold_is_waited_for() {
    let (delete, interfaces, groups) = (refused(2), no_interfaces(), groups(vec![]));
    let (cx, told) = cx(|clients| clients.ec2 = client!(aws_sdk_ec2, [&delete, &interfaces, &groups])).await;
    delete_group(&cx).await.unwrap();
    let told = told.all();
    assert!(told.len() == 1 && told[0].starts_with("the network interfaces in sg-1 to go"), "{told:?}");
}

#[tokio::test]
async fn credentials_that_may_not_look_only_blind_the_wait() {
    let denied = mock!(Client::describe_network_interfaces)
        .then_error(|| DescribeNetworkInterfacesError::generic(because("UnauthorizedOperation")));
    let (delete, groups) = (refused(1), groups(vec![]));
    let (cx, told) = cx(|clients| clients.ec2 = client!(aws_sdk_ec2, [&delete, &denied, &groups])).await;
    delete_group(&cx).await.unwrap();
    let told = told.all();
    let why = "; what else may hold it can't be told (ec2:DescribeNetworkInterfaces: UnauthorizedOperation)";
    assert!(told.len() == 1 && told[0].ends_with(why), "{told:?}");
}

#[tokio::test]
async fn what_is_gone_already_is_fine_and_other_refusals_are_not_waited_out() {
    for (code, fine) in [("InvalidSubnetID.NotFound", true), ("UnauthorizedOperation", false)] {
        let delete = mock!(Client::delete_subnet).then_error(|| DeleteSubnetError::generic(because(code)));
        let (cx, told) = cx(|clients| clients.ec2 = client!(aws_sdk_ec2, [&delete])).await;
        let outcome = Subnet::delete(&cx, &SubnetOutputs { subnet_id: "subnet-1".into() }).await;
        assert_eq!((outcome.is_ok(), delete.num_calls(), told.all()), (fine, 1, vec![]), "{code}");
    }
}

fn blocker(id: &str, fate: Fate) -> Blocker {
    Blocker { id: id.to_owned(), about: "of somebody".to_owned(), fate }
}

fn refusal() -> Error {
    Error { class: Class::Retryable, ..Error::local("AWS says no") }
}

#[test]
fn many_are_counted() {
    let many: Vec<_> = (0..5).map(|n| blocker(&format!("eni-{n}"), Fate::Goes(None))).collect();
    assert_eq!(
        describe(Held::Vpc("vpc-1"), &many, None),
        "eni-0 (of somebody), eni-1 (of somebody), eni-2 (of somebody) and 2 more to let go of vpc-1"
    );
    assert_eq!(list(many[..3].iter(), 3), "eni-0 (of somebody), eni-1 (of somebody) and eni-2 (of somebody)");
}

#[test]
fn what_goes_too_slowly_or_should_have_gone_is_named_too() {
    let slow = explain(refusal(), Held::Subnet("subnet-1"), &[blocker("eni-1", Fate::Goes(None))]);
    assert_eq!(slow.message, "subnet-1 is still held by eni-1 (of somebody)");
    assert!(slow.help.unwrap().contains("run the same command again in a while"));
    let ours = explain(refusal(), Held::Subnet("subnet-1"), &[blocker("eni-1", Fate::Ours)]);
    assert_eq!(ours.message, "subnet-1 is still held by eni-1 (of somebody)");
    assert!(ours.help.unwrap().contains("provisioner orphans"));
    let nobody = explain(refusal(), Held::Subnet("subnet-1"), &[]);
    assert_eq!((nobody.message.as_str(), nobody.help), ("AWS says no", None));
}

#[test]
fn what_is_to_be_done_is_said_once_and_not_without_end() {
    let many: Vec<_> = (0..11).map(|n| blocker(&format!("eni-{n}"), Fate::Stays(format!("delete eni-{n}")))).collect();
    let error = explain(refusal(), Held::Subnet("subnet-1"), &many);
    assert!(error.message.ends_with("and 1 more"), "{error}");
    let help = error.help.unwrap();
    assert!(help.contains("delete eni-9; and so on with the rest; then run") && !help.contains("eni-10"), "{help}");

    let both = ["eni-1", "eni-2"].map(|id| blocker(id, Fate::Stays("delete the database audit".to_owned())));
    let error = explain(refusal(), Held::Subnet("subnet-1"), &both);
    assert_eq!(error.help.unwrap().matches("audit").count(), 1);
}

#[test]
fn as_long_as_strangers_change_somebody_is_at_work() {
    let stays = |id: &str| blocker(id, Fate::Stays(String::new()));
    let goes = |id: &str| blocker(id, Fate::Goes(None));
    let mut standstill = Standstill::new();
    // What is looked at, and whether that is a change.
    for (blockers, is_change) in [
        (vec![], false),
        (vec![goes("eni-3"), goes("eni-4")], true),
        // What goes by itself doesn't count.
        (vec![goes("eni-3")], false),
        (vec![stays("eni-1"), stays("eni-2"), goes("eni-3")], true),
        (vec![stays("eni-1"), stays("eni-2")], false),
        (vec![stays("eni-2")], true),
        (vec![blocker("eni-2", Fate::Ours)], true),
        (vec![], true),
    ] {
        let before = standstill.since;
        standstill.note(&blockers);
        assert_eq!(standstill.since != before, is_change, "{blockers:?}");
    }
}
