use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_ec2::types::{
    self, Filter, IpPermission, IpRange, PrefixListId as SdkPrefixListId, ResourceType, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Direction, Item, Ports, Protocol, all_ours, default_security_group, filter, from_sdk, item, locate_in, make,
    security_group, tag_specification,
};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::{Form, Tagging};
use crate::engine::Tags;
use crate::resources::ids::{PrefixListId, SecurityGroupId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A rule of a security group: what it lets through.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// The group.
    pub security_group_id: SecurityGroupId,
    /// In or out.
    pub direction: Direction,
    /// The protocol.
    pub protocol: Protocol,
    /// The ports; `None` for all.
    pub ports: Option<Ports>,
    /// The other end.
    pub peer: Peer,
    /// What it is for: up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`.
    pub description: String,
}

/// The other end of what a rule lets through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// A block of addresses.
    Cidr(Ipv4Net),
    /// Whatever has this group: the group itself, or one of the same VPC.
    SecurityGroup(SecurityGroupId),
    /// The addresses of a managed prefix list.
    PrefixList(PrefixListId),
    /// What somebody else made of it, an IPv6 block; no system asks for it.
    Other(String),
}

/// What a rule gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroupRuleOutputs {
    /// `sgr-…`
    pub security_group_rule_id: String,
    /// The security group.
    pub security_group_id: SecurityGroupId,
    /// `ingress` or `egress`.
    pub direction: String,
}

item!(types::SecurityGroupRule, security_group_rule_id);

impl SecurityGroupRule {
    /// Lets TCP connections in to one port.
    pub fn tcp_in(group: &SecurityGroupId, port: u16, from: Peer, description: impl Into<String>) -> Self {
        SecurityGroupRule::tcp(Direction::Ingress, group, port, from, description.into())
    }

    /// Lets TCP connections out to one port.
    pub fn tcp_out(group: &SecurityGroupId, port: u16, to: Peer, description: impl Into<String>) -> Self {
        SecurityGroupRule::tcp(Direction::Egress, group, port, to, description.into())
    }

    fn tcp(direction: Direction, group: &SecurityGroupId, port: u16, peer: Peer, description: String) -> Self {
        let (security_group_id, ports) = (group.clone(), Some(Ports::one(port)));
        SecurityGroupRule { security_group_id, direction, protocol: Protocol::Tcp, ports, peer, description }
    }
}

impl Resource for SecurityGroupRule {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["security_group_id", "direction", "peer"],
        ..TypeInfo::new(
            "ec2.security_group_rule",
            seconds(2),
            &[
                "ec2:DescribeSecurityGroupRules",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:ModifySecurityGroupRules",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = SecurityGroupRuleOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&SecurityGroupRuleOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.security_group_rule_id);
        let all = all(cx).await?;
        let rule = locate_in(cx, &all, "security-group-rule-id", known, |filters| list(cx, filters)).await?;
        let Some(rule) = rule else { return Ok(None) };
        let protocol = Protocol::parse(rule.ip_protocol());
        let spec = SecurityGroupRule {
            security_group_id: rule.group_id().unwrap_or_default().into(),
            direction: Direction::from_egress(rule.is_egress),
            ports: Ports::parse(&protocol, rule.from_port, rule.to_port, self.ports),
            protocol,
            peer: peer(&rule),
            description: rule.description().unwrap_or_default().to_owned(),
        };
        let outputs = spec.outputs(rule.security_group_rule_id().unwrap_or_default());
        Ok(Some(Found::tagged(spec, outputs, from_sdk(rule.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<SecurityGroupRuleOutputs> {
        let permission = self.permission()?;
        let group = &*self.security_group_id;
        let create = || async {
            let tags = tag_specification(cx, ResourceType::SecurityGroupRule);
            Ok(match self.direction {
                Direction::Ingress => {
                    let request = cx.ec2.authorize_security_group_ingress().group_id(group);
                    let answer = request.ip_permissions(permission.clone()).tag_specifications(tags).send().await?;
                    answer.security_group_rules
                }
                Direction::Egress => {
                    let request = cx.ec2.authorize_security_group_egress().group_id(group);
                    let answer = request.ip_permissions(permission.clone()).tag_specifications(tags).send().await?;
                    answer.security_group_rules
                }
            })
        };
        let rule = make(cx, create).await?.unwrap_or_default().into_iter().next();
        let id = rule.and_then(|rule| rule.security_group_rule_id);
        Ok(self.outputs(&id.ok_or(Error::incomplete("ec2:AuthorizeSecurityGroup*", "SecurityGroupRuleId"))?))
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<SecurityGroupRuleOutputs> {
        let (from, to) = self.port_range();
        let rule = SecurityGroupRuleRequest::builder().ip_protocol(self.protocol.name()).from_port(from).to_port(to);
        let rule = rule.description(&self.description);
        let rule = match &self.peer {
            Peer::Cidr(block) => rule.cidr_ipv4(block.to_string()),
            Peer::SecurityGroup(id) => rule.referenced_group_id(&**id),
            Peer::PrefixList(id) => rule.prefix_list_id(&**id),
            Peer::Other(other) => return Err(not_offered(other)),
        };
        let update = SecurityGroupRuleUpdate::builder().security_group_rule(rule.build());
        let update = update.security_group_rule_id(&found.outputs.security_group_rule_id).build();
        let request = cx.ec2.modify_security_group_rules().group_id(&*self.security_group_id);
        request.security_group_rules(update).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &SecurityGroupRuleOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.security_group_rule_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &SecurityGroupRuleOutputs) -> Result<()> {
        let id = vec![outputs.security_group_rule_id.clone()];
        ignore_not_found(revoke_ids(cx, &outputs.security_group_id, outputs.direction == "egress", id).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupingress.html>
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupegress.html>
    fn cloudformation(&self) -> Form {
        let SecurityGroupRule { security_group_id, direction, protocol, ports: _, peer, description } = self;
        let (from, to) = self.port_range();
        let mut rule = json!({
            "GroupId": security_group_id,
            "IpProtocol": protocol.name(),
            "FromPort": from,
            "ToPort": to,
            "Description": description,
        });
        let (kind, end) = match direction {
            Direction::Ingress => ("AWS::EC2::SecurityGroupIngress", "Source"),
            Direction::Egress => ("AWS::EC2::SecurityGroupEgress", "Destination"),
        };
        match peer {
            Peer::Cidr(block) => rule["CidrIp"] = json!(block),
            Peer::SecurityGroup(id) => rule[format!("{end}SecurityGroupId")] = json!(id),
            Peer::PrefixList(id) => rule[format!("{end}PrefixListId")] = json!(id),
            Peer::Other(other) => return Form::nothing(not_offered(other).message),
        }
        let id = Form::attribute("Id");
        let SecurityGroupRuleOutputs { security_group_rule_id, security_group_id, direction } = self.outputs(&id);
        Form::of(kind, rule)
            .tagged(Tagging::None)
            .lacks("its tags")
            .gives("security_group_rule_id", security_group_rule_id)
            .gives("security_group_id", security_group_id)
            .gives("direction", direction)
    }
}

impl SecurityGroupRule {
    fn outputs(&self, id: &str) -> SecurityGroupRuleOutputs {
        SecurityGroupRuleOutputs {
            security_group_rule_id: id.to_owned(),
            security_group_id: self.security_group_id.clone(),
            direction: if self.direction.is_egress() { "egress" } else { "ingress" }.to_owned(),
        }
    }

    fn port_range(&self) -> (i32, i32) {
        let Ports { from, to } = Ports::or_all(self.ports, &self.protocol);
        (from, to)
    }

    fn permission(&self) -> Result<IpPermission> {
        let (from, to) = self.port_range();
        let permission = IpPermission::builder().ip_protocol(self.protocol.name()).from_port(from).to_port(to);
        let description = &self.description;
        Ok(match &self.peer {
            Peer::Cidr(block) => {
                permission.ip_ranges(IpRange::builder().cidr_ip(block.to_string()).description(description).build())
            }
            Peer::SecurityGroup(id) => permission
                .user_id_group_pairs(UserIdGroupPair::builder().group_id(&**id).description(description).build()),
            Peer::PrefixList(id) => permission
                .prefix_list_ids(SdkPrefixListId::builder().prefix_list_id(&**id).description(description).build()),
            Peer::Other(other) => return Err(not_offered(other)),
        }
        .build())
    }
}

fn not_offered(peer: &str) -> Error {
    Error::local(format!("no rule can be made for {peer}"))
}

fn peer(rule: &types::SecurityGroupRule) -> Peer {
    let group = rule.referenced_group_info().and_then(|group| group.group_id());
    match (rule.cidr_ipv4().and_then(|block| block.parse().ok()), group, rule.prefix_list_id()) {
        (Some(block), ..) => Peer::Cidr(block),
        (_, Some(id), _) => Peer::SecurityGroup(id.into()),
        (.., Some(id)) => Peer::PrefixList(id.into()),
        _ => Peer::Other(rule.cidr_ipv6().unwrap_or("something else").to_owned()),
    }
}

/// A rule that no step has made, for people.
pub(super) fn describe(rule: &types::SecurityGroupRule) -> String {
    let (way, to) = if rule.is_egress == Some(true) { ("out", "to") } else { ("in", "from") };
    let protocol = Protocol::parse(rule.ip_protocol());
    let name = protocol.name();
    let what = match Ports::parse(&protocol, rule.from_port, rule.to_port, None) {
        _ if protocol == Protocol::All => "everything".to_owned(),
        None => name.to_owned(),
        Some(Ports { from, to }) if from == to => format!("{name} {from}"),
        Some(Ports { from, to }) => format!("{name} {from}-{to}"),
    };
    let peer = match peer(rule) {
        Peer::Cidr(block) => block.to_string(),
        Peer::SecurityGroup(id) => id.to_string(),
        Peer::PrefixList(id) => id.to_string(),
        Peer::Other(other) => other,
    };
    format!("{what} {way} {to} {peer} ({})", rule.id())
}

/// All rules of a group, whoever made them.
pub(super) async fn of_group(cx: &Cx, id: &str) -> Result<Vec<types::SecurityGroupRule>> {
    if !listed_groups(cx).await?.contains(id) {
        return list(cx, vec![filter("group-id", [id])]).await;
    }
    Ok(all(cx).await?.iter().filter(|rule| rule.group_id() == Some(id)).cloned().collect())
}

/// Revokes the rules of a group that `unwanted` names, as they stand now.
pub(super) async fn revoke(
    cx: &Cx,
    group_id: &str,
    unwanted: impl Fn(&types::SecurityGroupRule) -> bool,
) -> Result<()> {
    let rules = list(cx, vec![filter("group-id", [group_id])]).await?;
    for egress in [false, true] {
        let these = rules.iter().filter(|rule| rule.is_egress == Some(egress) && unwanted(rule));
        let ids: Vec<String> = these.map(|rule| rule.id().to_owned()).collect();
        if !ids.is_empty() {
            ignore_not_found(revoke_ids(cx, group_id, egress, ids).await)?;
        }
    }
    Ok(())
}

async fn revoke_ids(cx: &Cx, group_id: &str, egress: bool, ids: Vec<String>) -> Result<()> {
    if egress {
        let request = cx.ec2.revoke_security_group_egress().group_id(group_id);
        request.set_security_group_rule_ids(Some(ids)).send().await?;
    } else {
        let request = cx.ec2.revoke_security_group_ingress().group_id(group_id);
        request.set_security_group_rule_ids(Some(ids)).send().await?;
    }
    Ok(())
}

/// The groups that are ours, and the default groups of VPCs that are ours.
async fn listed_groups(cx: &Cx) -> Result<BTreeSet<String>> {
    let (ours, defaults) = tokio::try_join!(
        all_ours(cx, "group-id", |filters| security_group::list(cx, filters)),
        default_security_group::all(cx),
    )?;
    Ok(ours.iter().chain(defaults.iter()).map(|group| group.id().to_owned()).collect())
}

/// All rules of these groups: listed by group, so that those that somebody else made are among them.
async fn all(cx: &Cx) -> Result<Arc<Vec<types::SecurityGroupRule>>> {
    let groups: Vec<String> = listed_groups(cx).await?.into_iter().collect();
    let load = async {
        let mut all = Vec::new();
        // A filter takes 200 values.
        for ids in groups.chunks(200) {
            all.extend(list(cx, vec![filter("group-id", ids)]).await?);
        }
        Ok(all)
    };
    cx.inventory.once("ec2.security-group-rules", load).await
}

async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::SecurityGroupRule>> {
    let pages = cx.ec2.describe_security_group_rules().set_filters(Some(filters)).into_paginator();
    Ok(pages.items().send().try_collect().await?)
}
