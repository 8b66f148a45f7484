use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, IcmpTypeCode, PortRange, ResourceType, RuleAction};
use ipnet::Ipv4Net;

use super::blockers::{Blocked, delete_unblocked};
use super::calls::{from_sdk, in_order_of, retry_until_consistent, tag_specification};
use super::lists::{Item, filter};
use super::locate::{is_owned, locate, read_default};
use super::protocol::{Direction, Ports, Protocol};
use crate::resources::prelude::*;

/// A network ACL: which packets can enter and leave its subnets. It is stateless: replies need entries too.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The entries for packets to the subnets. A packet that no entry matches is denied.
    pub ingress: NetworkAclEntries,
    /// The entries for packets from the subnets.
    pub egress: NetworkAclEntries,
    /// The subnets that use it instead of the VPC's default ACL.
    pub subnet_ids: Vec<SubnetId>,
}

/// Entries by their numbers, 1 to 32,766. Of the entries that match a packet, the one with the lowest number applies.
pub type NetworkAclEntries = BTreeMap<i32, NetworkAclEntry>;

/// An entry of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclEntry {
    /// Allow or deny.
    pub allow: bool,
    /// The protocol.
    pub protocol: Protocol,
    /// The source of incoming packets, the destination of outgoing ones.
    pub cidr: Ipv4Net,
    /// The destination ports; `None` for all.
    pub ports: Option<Ports>,
}

/// The outputs of a network ACL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NetworkAclOutputs {
    /// The network ACL.
    pub network_acl_id: NetworkAclId,
}

impl Resource for NetworkAcl {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["vpc_id"],
        blocks_deletion_of: &["ec2.vpc"],
        ..TypeInfo::new(
            "ec2.network_acl",
            seconds(5),
            &[
                "ec2:DescribeNetworkAcls",
                "ec2:DescribeSubnets",
                "ec2:CreateNetworkAcl",
                "ec2:CreateNetworkAclEntry",
                "ec2:ReplaceNetworkAclEntry",
                "ec2:DeleteNetworkAclEntry",
                "ec2:ReplaceNetworkAclAssociation",
                "ec2:DeleteNetworkAcl",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = NetworkAclOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&NetworkAclOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.network_acl_id);
        let Some(acl) = locate::<types::NetworkAcl>(cx, known).await? else { return Ok(None) };
        let subnet_ids = acl.associations().iter().filter_map(|association| association.subnet_id());
        let spec = NetworkAcl {
            vpc_id: acl.vpc_id().unwrap_or_default().into(),
            ingress: entries(&acl, Direction::Ingress, &self.ingress),
            egress: entries(&acl, Direction::Egress, &self.egress),
            subnet_ids: in_order_of(&self.subnet_ids, subnet_ids.map(Into::into).collect()),
        };
        let outputs = NetworkAclOutputs { network_acl_id: acl.id().into() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(acl.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<NetworkAclOutputs> {
        let create = || async {
            let request = cx.ec2.create_network_acl().client_token(&cx.token).vpc_id(&*self.vpc_id);
            Ok(request.tag_specifications(tag_specification(cx, ResourceType::NetworkAcl)).send().await?)
        };
        let id = retry_until_consistent(cx, create).await?.network_acl.and_then(|acl| acl.network_acl_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateNetworkAcl", "NetworkAclId"))?;
        set_entries(cx, &id, Direction::Ingress, &BTreeMap::new(), &self.ingress).await?;
        set_entries(cx, &id, Direction::Egress, &BTreeMap::new(), &self.egress).await?;
        attach(cx, &self.subnet_ids, &id).await?;
        Ok(NetworkAclOutputs { network_acl_id: id.into() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<NetworkAclOutputs> {
        let id = &*found.outputs.network_acl_id;
        set_entries(cx, id, Direction::Ingress, &found.spec.ingress, &self.ingress).await?;
        set_entries(cx, id, Direction::Egress, &found.spec.egress, &self.egress).await?;
        let not_in = |all: &[SubnetId], of: &[SubnetId]| -> Vec<SubnetId> {
            of.iter().filter(|subnet| !all.contains(subnet)).cloned().collect()
        };
        attach(cx, &not_in(&found.spec.subnet_ids, &self.subnet_ids), id).await?;
        detach(cx, &self.vpc_id, &not_in(&self.subnet_ids, &found.spec.subnet_ids)).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &NetworkAclOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.network_acl_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &NetworkAclOutputs) -> Result<()> {
        let id = &*outputs.network_acl_id;
        let acl = types::NetworkAcl::list(cx, vec![filter("network-acl-id", [id])]).await?.into_iter().next();
        let Some(acl) = acl else { return Ok(()) };
        let used: Vec<&str> = acl.associations().iter().filter_map(|association| association.subnet_id()).collect();
        let used = match used.is_empty() {
            true => Vec::new(),
            false => types::Subnet::list(cx, vec![filter("subnet-id", used)]).await?,
        };
        // Unmanaged subnets aren't changed: the error names them as blockers.
        let owned = used.iter().filter(|subnet| is_owned(cx, subnet.tags()));
        let subnets: Vec<SubnetId> = owned.map(|subnet| subnet.id().into()).collect();
        detach(cx, acl.vpc_id().unwrap_or_default(), &subnets).await?;
        let delete = || async { Ok(cx.ec2.delete_network_acl().network_acl_id(id).send().await.map(|_| ())?) };
        delete_unblocked(cx, Blocked::NetworkAcl(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-networkacl.html>
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-networkaclentry.html>
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnetnetworkaclassociation.html>
    fn cloudformation(&self) -> Form {
        let NetworkAcl { ingress, egress, subnet_ids, .. } = self;
        let acl = properties!(self, NetworkAcl { vpc_id => "VpcId", ingress => _, egress => _, subnet_ids => _ });
        let acl = Form::resource("AWS::EC2::NetworkAcl", acl).output("network_acl_id", Form::reference());
        let entries = |prefix, direction, entries: &NetworkAclEntries| -> Vec<_> {
            let each = |(number, entry): (&i32, &NetworkAclEntry)| {
                (format!("{prefix}{number}"), entry.to_json(direction, *number))
            };
            entries.iter().map(each).collect()
        };
        let entries = [entries("Ingress", Direction::Ingress, ingress), entries("Egress", Direction::Egress, egress)];
        let form = entries
            .into_iter()
            .flatten()
            .fold(acl, |form, (name, entry)| form.with_resource(name, "AWS::EC2::NetworkAclEntry", entry));
        (1..).zip(subnet_ids).fold(form, |form, (n, subnet)| {
            let association = json!({"NetworkAclId": Form::reference(), "SubnetId": subnet});
            form.with_resource(format!("Subnet{n}"), "AWS::EC2::SubnetNetworkAclAssociation", association)
        })
    }
}

/// The number of the last entry of every ACL, which denies everything. It can't be changed.
const LAST: i32 = 32_767;

/// The entries of one direction, in the form of the `desired` ones where both mean the same. Without those for IPv6: the VPCs
/// have IPv4 only.
pub(super) fn entries(acl: &types::NetworkAcl, direction: Direction, desired: &NetworkAclEntries) -> NetworkAclEntries {
    let entries = acl.entries().iter().filter(|entry| Direction::from_egress(entry.egress) == direction);
    let entries = entries.filter(|entry| entry.rule_number.is_some_and(|number| number < LAST));
    let entries = entries.filter_map(|entry| {
        let ports = entry.port_range().map(|ports| (ports.from, ports.to));
        let (from, to) = ports.or(entry.icmp_type_code().map(|icmp| (icmp.r#type, icmp.code))).unwrap_or_default();
        let (number, protocol) = (entry.rule_number?, Protocol::parse(entry.protocol()));
        let entry_spec = NetworkAclEntry {
            allow: entry.rule_action() == Some(&RuleAction::Allow),
            ports: Ports::parse(&protocol, from, to, desired.get(&number).and_then(|desired| desired.ports)),
            protocol,
            cidr: entry.cidr_block()?.parse().ok()?,
        };
        Some((number, entry_spec))
    });
    entries.collect()
}

/// Changes the entries of one direction from `old` to `new`: creates and replaces before it deletes.
pub(super) async fn set_entries(
    cx: &Cx,
    id: &str,
    direction: Direction,
    old: &NetworkAclEntries,
    new: &NetworkAclEntries,
) -> Result<()> {
    for (number, entry) in new.iter().filter(|(number, entry)| old.get(number) != Some(entry)) {
        let place = Place { acl: id, direction, number: *number };
        let put = async |replace| retry_until_consistent(cx, || entry.put(cx, &place, replace)).await;
        match put(old.contains_key(number)).await {
            // Created by an attempt whose response was lost, or by somebody since the ACL was read.
            Err(error) if error.class == Class::AlreadyExists => put(true).await?,
            outcome => outcome?,
        }
    }
    for number in old.keys().filter(|number| !new.contains_key(number)) {
        let request = cx.ec2.delete_network_acl_entry().network_acl_id(id).rule_number(*number);
        let delete = async { Ok(request.egress(direction.is_egress()).send().await?) };
        ignore_not_found(delete.await)?;
    }
    Ok(())
}

/// The place of an entry.
struct Place<'a> {
    acl: &'a str,
    direction: Direction,
    number: i32,
}

/// Puts an entry into a request: the requests of CreateNetworkAclEntry and ReplaceNetworkAclEntry have different types.
macro_rules! request {
    ($entry:ident, $place:ident, $request:expr) => {{
        let (icmp, ports) = $entry.port_parameters();
        let action = if $entry.allow { RuleAction::Allow } else { RuleAction::Deny };
        let request = $request.network_acl_id($place.acl).egress($place.direction.is_egress());
        let request = request.rule_number($place.number).rule_action(action).protocol($entry.protocol.number());
        request.cidr_block($entry.cidr.to_string()).set_icmp_type_code(icmp).set_port_range(ports)
    }};
}

impl NetworkAclEntry {
    async fn put(&self, cx: &Cx, place: &Place<'_>, replace: bool) -> Result<()> {
        if replace {
            request!(self, place, cx.ec2.replace_network_acl_entry()).send().await?;
        } else {
            request!(self, place, cx.ec2.create_network_acl_entry()).send().await?;
        }
        Ok(())
    }

    /// The properties of the entry in CloudFormation.
    fn to_json(&self, direction: Direction, number: i32) -> Value {
        let NetworkAclEntry { allow, protocol, cidr, ports: _ } = self;
        let (icmp, ports) = self.port_parameters();
        let protocol = protocol.number();
        json!({
            "NetworkAclId": Form::reference(),
            "Egress": direction.is_egress(),
            "RuleNumber": number,
            "RuleAction": if *allow { "allow" } else { "deny" },
            "Protocol": protocol.parse::<i32>().map_or_else(|_| json!(protocol), Value::from),
            "CidrBlock": cidr,
            "Icmp": icmp.map(|icmp| json!({"Type": icmp.r#type, "Code": icmp.code})),
            "PortRange": ports.map(|ports| json!({"From": ports.from, "To": ports.to})),
        })
    }

    fn port_parameters(&self) -> (Option<IcmpTypeCode>, Option<PortRange>) {
        let Ports { from, to } = Ports::or_all(self.ports, &self.protocol);
        match self.protocol {
            Protocol::Icmp => (Some(IcmpTypeCode::builder().r#type(from).code(to).build()), None),
            Protocol::Tcp | Protocol::Udp => (None, Some(PortRange::builder().from(from).to(to).build())),
            Protocol::All | Protocol::Other(_) => (None, None),
        }
    }
}

/// Makes these subnets use an ACL. A new subnet may not be listed yet.
async fn attach(cx: &Cx, subnets: &[SubnetId], acl_id: &str) -> Result<()> {
    cx.wait_until("EC2 to list the network ACL of the subnets", Patience::SHORT, || async {
        Ok((associate(cx, subnets, acl_id).await? == subnets.len()).then_some(()))
    })
    .await
}

/// Associates these subnets with an ACL and returns how many of them are listed. Each subnet always has an association, so this
/// replaces it: its id changes, and a repeated attempt finds it by its subnet.
async fn associate(cx: &Cx, subnets: &[SubnetId], acl_id: &str) -> Result<usize> {
    if subnets.is_empty() {
        return Ok(0);
    }
    let subnets: Vec<&str> = subnets.iter().map(|subnet| &**subnet).collect();
    let subnets = &subnets;
    let associate = || async move {
        let filters = vec![filter("association.subnet-id", subnets.iter().copied())];
        let acls = types::NetworkAcl::list(cx, filters).await?;
        let all = acls.iter().flat_map(|acl| acl.associations());
        let is_listed = |subnet: Option<&str>| subnet.is_some_and(|subnet| subnets.contains(&subnet));
        let listed: Vec<_> = all.filter(|association| is_listed(association.subnet_id())).collect();
        for association in listed.iter().filter(|association| association.network_acl_id() != Some(acl_id)) {
            let id = association.network_acl_association_id().unwrap_or_default();
            cx.ec2.replace_network_acl_association().association_id(id).network_acl_id(acl_id).send().await?;
        }
        Ok(listed.len())
    };
    retry_until_consistent(cx, associate).await
}

/// Makes these subnets use the VPC's default ACL. Deleted subnets are ignored.
async fn detach(cx: &Cx, vpc_id: &str, subnets: &[SubnetId]) -> Result<()> {
    if subnets.is_empty() {
        return Ok(());
    }
    let default = read_default::<types::NetworkAcl>(cx, vpc_id).await?.and_then(|acl| acl.network_acl_id);
    associate(cx, subnets, &default.ok_or(Error::incomplete("ec2:DescribeNetworkAcls", "NetworkAclId"))?).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_round_trip() {
        let everywhere = Ipv4Net::default();
        for (protocol, ports) in [
            (Protocol::All, None),
            (Protocol::Tcp, Some(Ports::one(443))),
            (Protocol::Tcp, None),
            (Protocol::Udp, Some(Ports::range(0, 65_535))),
            (Protocol::Icmp, Some(Ports { from: 3, to: 4 })),
        ] {
            let entry = NetworkAclEntry { allow: true, protocol, cidr: everywhere, ports };
            let (icmp, range) = entry.port_parameters();
            let sdk = types::NetworkAclEntry::builder().egress(true).rule_number(7).rule_action(RuleAction::Allow);
            let sdk = sdk.protocol(entry.protocol.number()).cidr_block("0.0.0.0/0");
            let sdk = sdk.set_icmp_type_code(icmp).set_port_range(range).build();
            let last = types::NetworkAclEntry::builder().rule_number(LAST).cidr_block("0.0.0.0/0").build();
            let acl = types::NetworkAcl::builder().entries(sdk).entries(last).build();
            let desired = BTreeMap::from([(7, entry)]);
            assert_eq!(entries(&acl, Direction::Egress, &desired), desired);
            assert!(entries(&acl, Direction::Ingress, &desired).is_empty());
        }
    }
}
