//! Network interfaces as blockers: which service created one, according to its description.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html>

use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceType};

use super::super::from_sdk;
use super::super::lists::Item;
use super::origin::Origin;
use super::{Blocked, Blocker, Removal, owner};
use crate::aws::Cx;

/// The creator of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Creator {
    /// Lambda, for the functions with its subnet and groups. AWS doesn't always name one.
    Function(Option<String>),
    /// Elastic Load Balancing. The end of the load balancer's ARN: `app/NAME/ID`.
    LoadBalancer(String),
    /// RDS, which doesn't name the database.
    Database,
    /// ECS, which doesn't name the task.
    Task,
    /// A NAT gateway.
    NatGateway(String),
    /// A VPC endpoint.
    Endpoint(String),
    /// A transit gateway's attachment.
    Attachment(String),
    /// Another AWS service, with the description of the interface.
    Service(String),
    /// Not AWS; attached to this instance.
    Instance(String),
    /// Not AWS; not attached.
    Other,
}

impl Creator {
    /// The creator according to the description. That counts only for interfaces that AWS created: people can write the same.
    pub(super) fn of(interface: &NetworkInterface) -> Self {
        let description = interface.description().unwrap_or_default();
        if !is_managed(interface) {
            let instance = interface.attachment().and_then(|attachment| attachment.instance_id());
            return instance.map_or(Creator::Other, |id| Creator::Instance(id.to_owned()));
        }
        // Some services write a colon after the prefix.
        let after = |prefix: &str| Some(description.strip_prefix(prefix)?.trim_start_matches([':', ' ']).to_owned());
        if interface.interface_type() == Some(&NetworkInterfaceType::Lambda) || description.starts_with(LAMBDA) {
            Creator::Function(description.strip_prefix(LAMBDA).and_then(function).map(str::to_owned))
        } else if let Some(load_balancer) = after("ELB ").filter(|end| end.split('/').count() == 3) {
            Creator::LoadBalancer(load_balancer)
        } else if description.starts_with("RDSNetworkInterface") {
            Creator::Database
        } else if description.starts_with("arn:") && description.contains(TASK) {
            Creator::Task
        } else if let Some(id) = after("Interface for NAT Gateway") {
            Creator::NatGateway(id)
        } else if let Some(id) = after("VPC Endpoint Interface") {
            Creator::Endpoint(id)
        } else if let Some(id) = after("Network Interface for Transit Gateway Attachment") {
            Creator::Attachment(id)
        } else {
            Creator::Service(description.to_owned())
        }
    }

    /// The resource that it was created for, in words.
    pub(super) fn what(&self) -> String {
        match self {
            Creator::Function(Some(name)) => format!("the function {name}"),
            Creator::Function(None) => "a function".to_owned(),
            Creator::LoadBalancer(end) => format!("the load balancer {}", end.split('/').nth(1).unwrap_or(end)),
            Creator::Database => "a database".to_owned(),
            Creator::Task => "an ECS task".to_owned(),
            Creator::NatGateway(id) => format!("the NAT gateway {id}"),
            Creator::Endpoint(id) => format!("the endpoint {id}"),
            Creator::Attachment(id) => format!("the transit gateway attachment {id}"),
            Creator::Service(description) => format!("an AWS service, {description:?}"),
            Creator::Instance(id) => format!("the instance {id}"),
            Creator::Other => "no AWS service".to_owned(),
        }
    }

    /// How long the creator takes to delete an interface, if that is long.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
    fn deletion_time(&self) -> Option<&'static str> {
        matches!(self, Creator::Function(_)).then_some("Lambda usually deletes its interfaces within 20 minutes")
    }
}

const LAMBDA: &str = "AWS Lambda VPC ENI";
/// Part of the ARN of the attachment of an interface to a task.
const TASK: &str = ":attachment/";

/// The function in `-NAME-UUID`.
fn function(rest: &str) -> Option<&str> {
    let (name, uuid) = rest.strip_prefix('-')?.split_at_checked(rest.len().checked_sub(UUID + 2)?)?;
    Some(name).filter(|name| !name.is_empty() && uuid.starts_with('-'))
}

const UUID: usize = 36;

fn is_managed(interface: &NetworkInterface) -> bool {
    use NetworkInterfaceType::{Branch, Efa, EfaOnly, Interface, Trunk};
    let is_ordinary = matches!(interface.interface_type(), None | Some(Interface | Efa | EfaOnly | Trunk | Branch));
    // AWS attaches interfaces of tasks to instances of its own account.
    let attached = interface.attachment().and_then(|attachment| attachment.instance_owner_id());
    let is_foreign = attached.is_some() && interface.owner_id().is_some() && attached != interface.owner_id();
    interface.requester_managed == Some(true) || !is_ordinary || is_foreign
}

/// The public address of an interface.
pub(super) fn public_ip(interface: &NetworkInterface) -> Option<&str> {
    interface.association().and_then(|association| association.public_ip())
}

/// An interface as a blocker, given its origin.
pub(super) fn blocker(
    cx: &Cx,
    blocked: Blocked<'_>,
    interface: &NetworkInterface,
    creator: &Creator,
    origin: &Origin,
) -> Blocker {
    let tags = from_sdk(interface.tags());
    let mut description = match (creator, origin) {
        (Creator::Other, _) => match interface.description().unwrap_or_default() {
            "" => vec!["a network interface".to_owned()],
            description => vec![format!("a network interface, {description:?}")],
        },
        (_, Origin::Gone) => vec![format!("left by {}", creator.what())],
        (_, Origin::Existing { what, owner, .. }) => {
            std::iter::once(format!("of {what}")).chain(owner.iter().cloned()).collect()
        }
        (_, Origin::Unknown) => vec![format!("of {}", creator.what())],
    };
    description.extend(owner::describe(cx, &tags));
    description.extend(owner::describe_account(cx, interface.owner_id()));
    if let (Blocked::InternetGateway { .. }, Some(address)) = (blocked, public_ip(interface)) {
        description.push(format!("at {address}"));
    }
    let removal = match origin {
        _ if owner::is_owned(cx, &tags) => Removal::Owned,
        Origin::Existing { is_owned: true, .. } => Removal::Owned,
        Origin::Existing { what, .. } => Removal::Manual(instruction(blocked, interface, creator, what)),
        Origin::Gone | Origin::Unknown => Removal::Automatic(creator.deletion_time()),
    };
    Blocker { id: interface.id().to_owned(), description: description.join(", "), removal }
}

/// How people remove an interface that AWS doesn't delete.
fn instruction(blocked: Blocked<'_>, interface: &NetworkInterface, creator: &Creator, what: &str) -> String {
    let id = interface.id();
    // The primary interface of an instance can't be detached.
    let is_primary = interface.attachment().is_some_and(|attachment| attachment.device_index == Some(0));
    let alternative = match blocked {
        Blocked::SecurityGroup(group) => format!(", or remove {group} from {id}"),
        Blocked::InternetGateway { .. } | Blocked::Address(_) => {
            format!(", or disassociate the public address of {id}")
        }
        _ => String::new(),
    };
    match creator {
        Creator::Other => format!("delete {id}{alternative}"),
        Creator::Instance(instance) if is_primary => format!("terminate {instance}{alternative}"),
        Creator::Instance(instance) => format!("detach {id} from {instance} and delete it{alternative}"),
        Creator::Service(_) => format!("delete the resource that AWS created {id} for"),
        Creator::Function(_) => format!("delete {what}, or remove it from the VPC"),
        _ => format!("delete {what}"),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkInterfaceAttachment;

    use super::*;

    const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

    fn managed(description: &str) -> Creator {
        Creator::of(&NetworkInterface::builder().requester_managed(true).description(description).build())
    }

    #[test]
    fn creator_is_read_from_the_description() {
        let some = |text: &str| text.to_owned();
        for (description, creator) in [
            (format!("AWS Lambda VPC ENI-pay-blue-dev1-{ID}"), Creator::Function(Some(some("pay-blue-dev1")))),
            (format!("AWS Lambda VPC ENI: {ID}"), Creator::Function(None)),
            (some("AWS Lambda VPC ENI-short"), Creator::Function(None)),
            (
                some("ELB app/alb-blue-dev1/0123456789abcdef"),
                Creator::LoadBalancer(some("app/alb-blue-dev1/0123456789abcdef")),
            ),
            (some("ELB net/nlb/1"), Creator::LoadBalancer(some("net/nlb/1"))),
            // Classic load balancers have another API.
            (some("ELB classic"), Creator::Service(some("ELB classic"))),
            (some("RDSNetworkInterface"), Creator::Database),
            (some("arn:aws:ecs:us-east-1:123456789012:attachment/1"), Creator::Task),
            (some("Interface for NAT Gateway nat-1"), Creator::NatGateway(some("nat-1"))),
            (some("VPC Endpoint Interface vpce-1"), Creator::Endpoint(some("vpce-1"))),
            (some("VPC Endpoint Interface: vpce-1"), Creator::Endpoint(some("vpce-1"))),
            (
                some("Network Interface for Transit Gateway Attachment tgw-attach-1"),
                Creator::Attachment(some("tgw-attach-1")),
            ),
            (some("EFS mount target for fs-1 (fsmt-1)"), Creator::Service(some("EFS mount target for fs-1 (fsmt-1)"))),
            (some(""), Creator::Service(String::new())),
        ] {
            assert_eq!(managed(&description), creator, "{description}");
        }
    }

    #[test]
    fn descriptions_by_people_do_not_count() {
        let made = NetworkInterface::builder().interface_type(NetworkInterfaceType::Interface);
        let made = made.description(format!("AWS Lambda VPC ENI-pay-{ID}"));
        assert_eq!(Creator::of(&made.clone().build()), Creator::Other);
        let attachment = NetworkInterfaceAttachment::builder().instance_id("i-1").build();
        assert_eq!(Creator::of(&made.attachment(attachment).build()), Creator::Instance("i-1".to_owned()));
    }

    #[test]
    fn interfaces_on_instances_of_other_accounts_are_managed() {
        let task = NetworkInterface::builder().description("arn:aws:ecs:us-east-1:1:attachment/1").owner_id("1");
        let on = |account: &str| NetworkInterfaceAttachment::builder().instance_owner_id(account).build();
        assert_eq!(Creator::of(&task.clone().attachment(on("2")).build()), Creator::Task);
        assert_eq!(Creator::of(&task.clone().attachment(on("1")).build()), Creator::Other);
        assert_eq!(Creator::of(&task.build()), Creator::Other);
    }

    #[test]
    fn interfaces_of_service_types_are_managed() {
        let of = |kind: NetworkInterfaceType| Creator::of(&NetworkInterface::builder().interface_type(kind).build());
        assert_eq!(of(NetworkInterfaceType::Lambda), Creator::Function(None));
        assert_eq!(of(NetworkInterfaceType::Quicksight), Creator::Service(String::new()));
        assert_eq!(of(NetworkInterfaceType::Efa), Creator::Other);
    }
}
