//! Network interfaces as blockers: who made one, by AWS's own words, and what that means.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html>

use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceType, Tag};

use super::super::{Item, from_sdk};
use super::behind::Behind;
use super::whose::{is_of_system, marks, of_account};
use super::{Blocker, Fate, Held};
use crate::aws::Cx;

impl Item for NetworkInterface {
    fn id(&self) -> &str {
        self.network_interface_id().unwrap_or_default()
    }

    fn tags(&self) -> &[Tag] {
        self.tag_set()
    }
}

/// Who made an interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Maker {
    /// Lambda, for a function and whatever others have its subnet and groups. AWS doesn't always name it.
    Function(Option<String>),
    /// Elastic Load Balancing; the end of the balancer's ARN: `app/NAME/ID`.
    LoadBalancer(String),
    /// RDS, for a database that it doesn't name.
    Database,
    /// ECS, for a task that it doesn't name.
    Task,
    /// A NAT gateway.
    NatGateway(String),
    /// A VPC endpoint.
    Endpoint(String),
    /// A transit gateway's attachment.
    Attachment(String),
    /// Another service of AWS, in its own words.
    Service(String),
    /// Somebody who started this instance, or attached it to that.
    Instance(String),
    /// Somebody.
    Somebody,
}

impl Maker {
    /// By AWS's own words. They count only where AWS itself made the interface: anybody can describe theirs like that.
    pub(super) fn of(interface: &NetworkInterface) -> Self {
        let described = interface.description().unwrap_or_default();
        if !is_managed(interface) {
            let instance = interface.attachment().and_then(|attachment| attachment.instance_id());
            return instance.map_or(Maker::Somebody, |id| Maker::Instance(id.to_owned()));
        }
        // Some services put a colon behind their words.
        let after = |words: &str| Some(described.strip_prefix(words)?.trim_start_matches([':', ' ']).to_owned());
        if interface.interface_type() == Some(&NetworkInterfaceType::Lambda) || described.starts_with(LAMBDA) {
            Maker::Function(described.strip_prefix(LAMBDA).and_then(function).map(str::to_owned))
        } else if let Some(balancer) = after("ELB ").filter(|end| end.split('/').count() == 3) {
            Maker::LoadBalancer(balancer)
        } else if described.starts_with("RDSNetworkInterface") {
            Maker::Database
        } else if described.starts_with("arn:") && described.contains(TASK) {
            Maker::Task
        } else if let Some(id) = after("Interface for NAT Gateway") {
            Maker::NatGateway(id)
        } else if let Some(id) = after("VPC Endpoint Interface") {
            Maker::Endpoint(id)
        } else if let Some(id) = after("Network Interface for Transit Gateway Attachment") {
            Maker::Attachment(id)
        } else {
            Maker::Service(described.to_owned())
        }
    }

    /// What it was made for, in words.
    pub(super) fn what(&self) -> String {
        match self {
            Maker::Function(Some(name)) => format!("the function {name}"),
            Maker::Function(None) => "a function".to_owned(),
            Maker::LoadBalancer(end) => format!("the load balancer {}", end.split('/').nth(1).unwrap_or(end)),
            Maker::Database => "a database".to_owned(),
            Maker::Task => "a task of ECS".to_owned(),
            Maker::NatGateway(id) => format!("the NAT gateway {id}"),
            Maker::Endpoint(id) => format!("the endpoint {id}"),
            Maker::Attachment(id) => format!("the transit gateway attachment {id}"),
            Maker::Service(described) => format!("a service of AWS, {described:?}"),
            Maker::Instance(id) => format!("the instance {id}"),
            Maker::Somebody => "nothing that AWS made".to_owned(),
        }
    }

    /// How long what it leaves behind takes to go, where that is long.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
    fn leaves(&self) -> Option<&'static str> {
        matches!(self, Maker::Function(_)).then_some("what Lambda leaves behind usually goes within 20 minutes")
    }
}

const LAMBDA: &str = "AWS Lambda VPC ENI";
/// In the ARN of what attaches an interface to a task.
const TASK: &str = ":attachment/";

/// The function in `-NAME-UUID`.
fn function(rest: &str) -> Option<&str> {
    let (name, uuid) = rest.strip_prefix('-')?.split_at_checked(rest.len().checked_sub(UUID + 2)?)?;
    Some(name).filter(|name| !name.is_empty() && uuid.starts_with('-'))
}

const UUID: usize = 36;

fn is_managed(interface: &NetworkInterface) -> bool {
    use NetworkInterfaceType::{Branch, Efa, EfaOnly, Interface, Trunk};
    let of_people = matches!(interface.interface_type(), None | Some(Interface | Efa | EfaOnly | Trunk | Branch));
    // What AWS attaches to machines of its own is of an account of its own.
    let attached = interface.attachment().and_then(|attachment| attachment.instance_owner_id());
    let is_elsewhere = attached.is_some() && interface.owner_id().is_some() && attached != interface.owner_id();
    interface.requester_managed == Some(true) || !of_people || is_elsewhere
}

/// Its public address.
pub(super) fn public_ip(interface: &NetworkInterface) -> Option<&str> {
    interface.association().and_then(|association| association.public_ip())
}

/// An interface as a blocker, given what stands behind it.
pub(super) fn blocker(
    cx: &Cx,
    held: Held<'_>,
    interface: &NetworkInterface,
    maker: &Maker,
    behind: &Behind,
) -> Blocker {
    let tags = from_sdk(interface.tags());
    let mut about = match (maker, behind) {
        (Maker::Somebody, _) => match interface.description().unwrap_or_default() {
            "" => vec!["a network interface that somebody made".to_owned()],
            described => vec![format!("a network interface that somebody made, {described:?}")],
        },
        (_, Behind::Gone) => vec![format!("left by {}", maker.what())],
        (_, Behind::Standing { what, marks, .. }) => {
            std::iter::once(format!("of {what}")).chain(marks.iter().cloned()).collect()
        }
        (_, Behind::Untold) => vec![format!("of {}", maker.what())],
    };
    about.extend(marks(cx, &tags));
    about.extend(of_account(cx, interface.owner_id()));
    if let (Held::InternetGateway { .. }, Some(address)) = (held, public_ip(interface)) {
        about.push(format!("at {address}"));
    }
    let fate = match behind {
        _ if is_of_system(cx, &tags) => Fate::Ours,
        Behind::Standing { ours: true, .. } => Fate::Ours,
        Behind::Standing { what, .. } => Fate::Stays(remedy(held, interface, maker, what)),
        Behind::Gone | Behind::Untold => Fate::Goes(maker.leaves()),
    };
    Blocker { id: interface.id().to_owned(), about: about.join(", "), fate }
}

/// What to do about an interface that doesn't go by itself.
fn remedy(held: Held<'_>, interface: &NetworkInterface, maker: &Maker, what: &str) -> String {
    let id = interface.id();
    // An instance keeps its first interface as long as it stands.
    let is_first = interface.attachment().is_some_and(|attachment| attachment.device_index == Some(0));
    let free = match held {
        Held::SecurityGroup(group) => format!(", or take {group} off {id}"),
        Held::InternetGateway { .. } | Held::Address(_) => format!(", or take the public address off {id}"),
        _ => String::new(),
    };
    match maker {
        Maker::Somebody => format!("delete {id}{free}"),
        Maker::Instance(instance) if is_first => format!("terminate {instance}{free}"),
        Maker::Instance(instance) => format!("detach {id} from {instance} and delete it{free}"),
        Maker::Service(_) => format!("delete what AWS made {id} for"),
        Maker::Function(_) => format!("delete {what}, or take it out of the VPC"),
        _ => format!("delete {what}"),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkInterfaceAttachment;

    use super::*;

    const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

    fn managed(description: &str) -> Maker {
        Maker::of(&NetworkInterface::builder().requester_managed(true).description(description).build())
    }

    #[test]
    fn who_made_an_interface_is_told_by_the_words_of_the_service() {
        let some = |text: &str| text.to_owned();
        for (description, maker) in [
            (format!("AWS Lambda VPC ENI-pay-blue-dev1-{ID}"), Maker::Function(Some(some("pay-blue-dev1")))),
            (format!("AWS Lambda VPC ENI: {ID}"), Maker::Function(None)),
            (some("AWS Lambda VPC ENI-short"), Maker::Function(None)),
            (
                some("ELB app/alb-blue-dev1/0123456789abcdef"),
                Maker::LoadBalancer(some("app/alb-blue-dev1/0123456789abcdef")),
            ),
            (some("ELB net/nlb/1"), Maker::LoadBalancer(some("net/nlb/1"))),
            // The first generation of load balancers has another API.
            (some("ELB classic"), Maker::Service(some("ELB classic"))),
            (some("RDSNetworkInterface"), Maker::Database),
            (some("arn:aws:ecs:us-east-1:123456789012:attachment/1"), Maker::Task),
            (some("Interface for NAT Gateway nat-1"), Maker::NatGateway(some("nat-1"))),
            (some("VPC Endpoint Interface vpce-1"), Maker::Endpoint(some("vpce-1"))),
            (some("VPC Endpoint Interface: vpce-1"), Maker::Endpoint(some("vpce-1"))),
            (
                some("Network Interface for Transit Gateway Attachment tgw-attach-1"),
                Maker::Attachment(some("tgw-attach-1")),
            ),
            (some("EFS mount target for fs-1 (fsmt-1)"), Maker::Service(some("EFS mount target for fs-1 (fsmt-1)"))),
            (some(""), Maker::Service(String::new())),
        ] {
            assert_eq!(managed(&description), maker, "{description}");
        }
    }

    #[test]
    fn what_people_write_on_their_own_interfaces_fools_nobody() {
        let made = NetworkInterface::builder().interface_type(NetworkInterfaceType::Interface);
        let made = made.description(format!("AWS Lambda VPC ENI-pay-{ID}"));
        assert_eq!(Maker::of(&made.clone().build()), Maker::Somebody);
        let attachment = NetworkInterfaceAttachment::builder().instance_id("i-1").build();
        assert_eq!(Maker::of(&made.attachment(attachment).build()), Maker::Instance("i-1".to_owned()));
    }

    #[test]
    fn an_interface_on_a_machine_of_another_account_is_a_services() {
        let task = NetworkInterface::builder().description("arn:aws:ecs:us-east-1:1:attachment/1").owner_id("1");
        let on = |account: &str| NetworkInterfaceAttachment::builder().instance_owner_id(account).build();
        assert_eq!(Maker::of(&task.clone().attachment(on("2")).build()), Maker::Task);
        assert_eq!(Maker::of(&task.clone().attachment(on("1")).build()), Maker::Somebody);
        assert_eq!(Maker::of(&task.build()), Maker::Somebody);
    }

    #[test]
    fn an_interface_of_a_type_that_only_services_make_is_a_services() {
        let of = |kind: NetworkInterfaceType| Maker::of(&NetworkInterface::builder().interface_type(kind).build());
        assert_eq!(of(NetworkInterfaceType::Lambda), Maker::Function(None));
        assert_eq!(of(NetworkInterfaceType::Quicksight), Maker::Service(String::new()));
        assert_eq!(of(NetworkInterfaceType::Efa), Maker::Somebody);
    }
}
