use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, Filter, IcmpTypeCode, PortRange, ResourceType, RuleAction};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::blockers::{Held, delete_when_free};
use super::{
    Direction, Ports, Protocol, filter, from_sdk, in_order_of, is_ours, item, locate, make, subnet, tag_specification,
};
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::{NetworkAclId, SubnetId, VpcId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A network ACL: what packets may enter and leave its subnets. It has no memory, so the answers need entries too.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// The VPC.
    pub vpc_id: VpcId,
    /// What is let into the subnets and what isn't. What no entry is for is dropped.
    pub ingress: NetworkAclEntries,
    /// What is let out of the subnets and what isn't.
    pub egress: NetworkAclEntries,
    /// The subnets that it guards instead of the VPC's default ACL.
    pub subnet_ids: Vec<SubnetId>,
}

/// Entries by their numbers, 1 to 32,766: of those that a packet matches, the one with the lowest number decides.
pub type NetworkAclEntries = BTreeMap<i32, NetworkAclEntry>;

/// An entry of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclEntry {
    /// Let it through, or drop it.
    pub allow: bool,
    /// The protocol.
    pub protocol: Protocol,
    /// The other end: where it comes from, or goes to.
    pub cidr: Ipv4Net,
    /// The destination ports; `None` for all.
    pub ports: Option<Ports>,
}

/// What a network ACL gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NetworkAclOutputs {
    /// The network ACL.
    pub network_acl_id: NetworkAclId,
}

item!(types::NetworkAcl, network_acl_id);

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
        let Some(acl) = locate(cx, "network-acl-id", known, |filters| list(cx, filters)).await? else {
            return Ok(None);
        };
        let subnet_ids = acl.associations().iter().filter_map(|association| association.subnet_id());
        let spec = NetworkAcl {
            vpc_id: acl.vpc_id().unwrap_or_default().into(),
            ingress: entries(&acl, Direction::Ingress, &self.ingress),
            egress: entries(&acl, Direction::Egress, &self.egress),
            subnet_ids: in_order_of(&self.subnet_ids, subnet_ids.map(Into::into).collect()),
        };
        let id = acl.network_acl_id().unwrap_or_default();
        Ok(Some(Found::tagged(spec, NetworkAclOutputs { network_acl_id: id.into() }, from_sdk(acl.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<NetworkAclOutputs> {
        let create = || async {
            let request = cx.ec2.create_network_acl().client_token(&cx.token).vpc_id(&*self.vpc_id);
            Ok(request.tag_specifications(tag_specification(cx, ResourceType::NetworkAcl)).send().await?)
        };
        let id = make(cx, create).await?.network_acl.and_then(|acl| acl.network_acl_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateNetworkAcl", "NetworkAclId"))?;
        set_entries(cx, &id, Direction::Ingress, &BTreeMap::new(), &self.ingress).await?;
        set_entries(cx, &id, Direction::Egress, &BTreeMap::new(), &self.egress).await?;
        guard(cx, &self.subnet_ids, &id).await?;
        Ok(NetworkAclOutputs { network_acl_id: id.into() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<NetworkAclOutputs> {
        let id = &*found.outputs.network_acl_id;
        set_entries(cx, id, Direction::Ingress, &found.spec.ingress, &self.ingress).await?;
        set_entries(cx, id, Direction::Egress, &found.spec.egress, &self.egress).await?;
        let not_in = |all: &[SubnetId], of: &[SubnetId]| -> Vec<SubnetId> {
            of.iter().filter(|subnet| !all.contains(subnet)).cloned().collect()
        };
        guard(cx, &not_in(&found.spec.subnet_ids, &self.subnet_ids), id).await?;
        give_back(cx, &self.vpc_id, &not_in(&self.subnet_ids, &found.spec.subnet_ids)).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &NetworkAclOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.network_acl_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &NetworkAclOutputs) -> Result<()> {
        let id = &*outputs.network_acl_id;
        let acl = list(cx, vec![filter("network-acl-id", [id])]).await?.into_iter().next();
        let Some(acl) = acl else { return Ok(()) };
        let used: Vec<&str> = acl.associations().iter().filter_map(|association| association.subnet_id()).collect();
        let used = if used.is_empty() { Vec::new() } else { subnet::list(cx, vec![filter("subnet-id", used)]).await? };
        // A stranger's subnet isn't changed: it is named as what holds the ACL.
        let ours = used.iter().filter(|subnet| is_ours(cx, subnet.tags()));
        let subnets: Vec<SubnetId> = ours.filter_map(|subnet| subnet.subnet_id()).map(Into::into).collect();
        give_back(cx, acl.vpc_id().unwrap_or_default(), &subnets).await?;
        let delete = || async { Ok(cx.ec2.delete_network_acl().network_acl_id(id).send().await.map(|_| ())?) };
        delete_when_free(cx, Held::NetworkAcl(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-networkacl.html>
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-networkaclentry.html>
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnetnetworkaclassociation.html>
    fn cloudformation(&self) -> Form {
        let NetworkAcl { vpc_id, ingress, egress, subnet_ids } = self;
        let acl = Form::of("AWS::EC2::NetworkAcl", json!({"VpcId": vpc_id})).gives("network_acl_id", Form::this());
        let entries = |way, direction, entries: &NetworkAclEntries| -> Vec<_> {
            let each = |(number, entry): (&i32, &NetworkAclEntry)| {
                (format!("{way}{number}"), entry.to_json(direction, *number))
            };
            entries.iter().map(each).collect()
        };
        let entries = [entries("Ingress", Direction::Ingress, ingress), entries("Egress", Direction::Egress, egress)];
        let form = entries
            .into_iter()
            .flatten()
            .fold(acl, |form, (name, entry)| form.with(name, "AWS::EC2::NetworkAclEntry", entry));
        (1..).zip(subnet_ids).fold(form, |form, (n, subnet)| {
            let association = json!({"NetworkAclId": Form::this(), "SubnetId": subnet});
            form.with(format!("Subnet{n}"), "AWS::EC2::SubnetNetworkAclAssociation", association)
        })
    }
}

/// The number of the last entry of every ACL, which drops the rest. It can't be changed.
const LAST: i32 = 32_767;

/// The entries of one direction, in the words of those that are `asked` for. One for IPv6 means nothing: our VPCs have
/// IPv4 only.
pub(super) fn entries(acl: &types::NetworkAcl, direction: Direction, asked: &NetworkAclEntries) -> NetworkAclEntries {
    let entries = acl.entries().iter().filter(|entry| Direction::from_egress(entry.egress) == direction);
    let entries = entries.filter(|entry| entry.rule_number.is_some_and(|number| number < LAST));
    let entries = entries.filter_map(|entry| {
        let ports = entry.port_range().map(|ports| (ports.from, ports.to));
        let (from, to) = ports.or(entry.icmp_type_code().map(|icmp| (icmp.r#type, icmp.code))).unwrap_or_default();
        let (number, protocol) = (entry.rule_number?, Protocol::parse(entry.protocol()));
        let entry_spec = NetworkAclEntry {
            allow: entry.rule_action() == Some(&RuleAction::Allow),
            ports: Ports::parse(&protocol, from, to, asked.get(&number).and_then(|asked| asked.ports)),
            protocol,
            cidr: entry.cidr_block()?.parse().ok()?,
        };
        Some((number, entry_spec))
    });
    entries.collect()
}

/// Brings the entries of one direction from `old` to `new`: what is let through first, what is taken away last.
pub(super) async fn set_entries(
    cx: &Cx,
    id: &str,
    direction: Direction,
    old: &NetworkAclEntries,
    new: &NetworkAclEntries,
) -> Result<()> {
    for (number, entry) in new.iter().filter(|(number, entry)| old.get(number) != Some(entry)) {
        let place = Place { acl: id, direction, number: *number };
        let put = async |replace| make(cx, || entry.put(cx, &place, replace)).await;
        match put(old.contains_key(number)).await {
            // A lost answer's doing, or what somebody has put into this place since it was read.
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

/// Where an entry is.
struct Place<'a> {
    acl: &'a str,
    direction: Direction,
    number: i32,
}

/// Puts an entry into a request: those of CreateNetworkAclEntry and ReplaceNetworkAclEntry are two types.
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

    /// For CloudFormation.
    fn to_json(&self, direction: Direction, number: i32) -> Value {
        let NetworkAclEntry { allow, protocol, cidr, ports: _ } = self;
        let (icmp, ports) = self.port_parameters();
        let protocol = protocol.number();
        json!({
            "NetworkAclId": Form::this(),
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

/// Makes an ACL guard these subnets. What was just made may not be listed yet.
async fn guard(cx: &Cx, subnets: &[SubnetId], acl_id: &str) -> Result<()> {
    cx.wait_until("the subnets to show their network ACL", Patience::SHORT, || async {
        Ok((associate(cx, subnets, acl_id).await? == subnets.len()).then_some(()))
    })
    .await
}

/// Gives these subnets an ACL; says how many of them are listed. Each subnet has always one, so this moves it from
/// another: the association has another id then, and who asks again finds it by its subnet.
async fn associate(cx: &Cx, subnets: &[SubnetId], acl_id: &str) -> Result<usize> {
    if subnets.is_empty() {
        return Ok(0);
    }
    let subnets: Vec<&str> = subnets.iter().map(|subnet| &**subnet).collect();
    let subnets = &subnets;
    let associate = || async move {
        let acls = list(cx, vec![filter("association.subnet-id", subnets.iter().copied())]).await?;
        let all = acls.iter().flat_map(|acl| acl.associations());
        let is_wanted = |subnet: Option<&str>| subnet.is_some_and(|subnet| subnets.contains(&subnet));
        let these: Vec<_> = all.filter(|association| is_wanted(association.subnet_id())).collect();
        for association in these.iter().filter(|association| association.network_acl_id() != Some(acl_id)) {
            let id = association.network_acl_association_id().unwrap_or_default();
            cx.ec2.replace_network_acl_association().association_id(id).network_acl_id(acl_id).send().await?;
        }
        Ok(these.len())
    };
    make(cx, associate).await
}

/// Leaves these subnets to the VPC's default ACL. Those that are gone need none.
async fn give_back(cx: &Cx, vpc_id: &str, subnets: &[SubnetId]) -> Result<()> {
    if subnets.is_empty() {
        return Ok(());
    }
    let default = list(cx, vec![filter("vpc-id", [vpc_id]), filter("default", ["true"])]).await?.into_iter().next();
    let default = default.and_then(|acl| acl.network_acl_id);
    associate(cx, subnets, &default.ok_or(Error::incomplete("ec2:DescribeNetworkAcls", "NetworkAclId"))?).await?;
    Ok(())
}

pub(super) async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::NetworkAcl>> {
    Ok(cx.ec2.describe_network_acls().set_filters(Some(filters)).into_paginator().items().send().try_collect().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
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
            let asked = BTreeMap::from([(7, entry)]);
            assert_eq!(entries(&acl, Direction::Egress, &asked), asked);
            assert!(entries(&acl, Direction::Ingress, &asked).is_empty());
        }
    }
}
