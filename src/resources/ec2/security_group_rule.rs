use aws_sdk_ec2::types::{
    self, IpPermission, IpRange, PrefixListId as SdkPrefixListId, ResourceType, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};
use ipnet::Ipv4Net;

use super::calls::{from_sdk, retry_until_consistent, tag_specification};
use super::group_rules as rules;
use super::lists::Item;
use super::locate::locate_in;
use super::protocol::{Direction, Ports, Protocol};
use crate::resources::prelude::*;

/// A rule of a security group: it allows connections.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// The group.
    pub security_group_id: SecurityGroupId,
    /// The direction of the connections.
    pub direction: Direction,
    /// The protocol.
    pub protocol: Protocol,
    /// The ports; `None` for all.
    pub ports: Option<Ports>,
    /// The other end of the connections.
    pub peer: Peer,
    /// Its purpose: up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`.
    pub description: String,
}

/// The other end of the connections that a rule allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// A block of addresses.
    Cidr(Ipv4Net),
    /// The members of this group: the same group, or another one of the VPC.
    SecurityGroup(SecurityGroupId),
    /// The addresses of a managed prefix list.
    PrefixList(PrefixListId),
    /// A peer of another type, for example an IPv6 block: only ever observed.
    Other(String),
}

/// The outputs of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroupRuleOutputs {
    /// `sgr-…`
    pub security_group_rule_id: String,
    /// The security group.
    pub security_group_id: SecurityGroupId,
    /// `ingress` or `egress`.
    pub direction: String,
}

impl SecurityGroupRule {
    /// Allows TCP connections to one port of the group.
    pub fn tcp_in(group: &SecurityGroupId, port: u16, from: Peer, description: impl Into<String>) -> Self {
        SecurityGroupRule::tcp(Direction::Ingress, group, port, from, description.into())
    }

    /// Allows TCP connections from the group to one port.
    pub fn tcp_out(group: &SecurityGroupId, port: u16, to: Peer, description: impl Into<String>) -> Self {
        SecurityGroupRule::tcp(Direction::Egress, group, port, to, description.into())
    }

    /// Allows all connections from the group.
    pub fn all_out(group: &SecurityGroupId, to: Peer, description: impl Into<String>) -> Self {
        let (security_group_id, description) = (group.clone(), description.into());
        let (direction, protocol) = (Direction::Egress, Protocol::All);
        SecurityGroupRule { security_group_id, direction, protocol, ports: None, peer: to, description }
    }

    fn tcp(direction: Direction, group: &SecurityGroupId, port: u16, peer: Peer, description: String) -> Self {
        let (security_group_id, ports) = (group.clone(), Some(Ports::one(port)));
        SecurityGroupRule { security_group_id, direction, protocol: Protocol::Tcp, ports, peer, description }
    }
}

impl Peer {
    /// All IPv4 addresses.
    pub fn anywhere() -> Self {
        Peer::Cidr(Ipv4Net::default())
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
        let Some(rule) = locate_in(cx, &rules::all(cx).await?, known).await? else { return Ok(None) };
        let protocol = Protocol::parse(rule.ip_protocol());
        let spec = SecurityGroupRule {
            security_group_id: rule.group_id().unwrap_or_default().into(),
            direction: Direction::from_egress(rule.is_egress),
            ports: Ports::parse(&protocol, rule.from_port, rule.to_port, self.ports),
            protocol,
            peer: peer(&rule),
            description: rule.description().unwrap_or_default().to_owned(),
        };
        let outputs = spec.outputs(rule.id());
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
        let rule = retry_until_consistent(cx, create).await?.unwrap_or_default().into_iter().next();
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
            Peer::Other(other) => return Err(unsupported(other)),
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
        let is_egress = outputs.direction == "egress";
        ignore_not_found(rules::revoke_ids(cx, &outputs.security_group_id, is_egress, id).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupingress.html>
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupegress.html>
    fn cloudformation(&self) -> Form {
        let (from, to) = self.port_range();
        let mut rule = properties!(self, SecurityGroupRule {
            security_group_id => "GroupId",
            protocol => "IpProtocol": protocol.name(),
            "FromPort": from,
            "ToPort": to,
            description => "Description",
            direction => _,
            ports => _,
            peer => _,
        });
        let (kind, end) = match self.direction {
            Direction::Ingress => ("AWS::EC2::SecurityGroupIngress", "Source"),
            Direction::Egress => ("AWS::EC2::SecurityGroupEgress", "Destination"),
        };
        match &self.peer {
            Peer::Cidr(block) => rule["CidrIp"] = json!(block),
            Peer::SecurityGroup(id) => rule[format!("{end}SecurityGroupId")] = json!(id),
            Peer::PrefixList(id) => rule[format!("{end}PrefixListId")] = json!(id),
            Peer::Other(other) => return Form::unsupported(unsupported(other).message),
        }
        let id = Form::attribute("Id");
        let SecurityGroupRuleOutputs { security_group_rule_id, security_group_id, direction } = self.outputs(&id);
        Form::resource(kind, rule)
            .tagged(Tagging::None)
            .gap("its tags")
            .output("security_group_rule_id", security_group_rule_id)
            .output("security_group_id", security_group_id)
            .output("direction", direction)
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
            Peer::Other(other) => return Err(unsupported(other)),
        }
        .build())
    }
}

fn unsupported(peer: &str) -> Error {
    Error::local(format!("rules for {peer} are not supported"))
}

fn peer(rule: &types::SecurityGroupRule) -> Peer {
    let group = rule.referenced_group_info().and_then(|group| group.group_id());
    match (rule.cidr_ipv4().and_then(|block| block.parse().ok()), group, rule.prefix_list_id()) {
        (Some(block), ..) => Peer::Cidr(block),
        (_, Some(id), _) => Peer::SecurityGroup(id.into()),
        (.., Some(id)) => Peer::PrefixList(id.into()),
        _ => Peer::Other(rule.cidr_ipv6().unwrap_or("an unknown peer").to_owned()),
    }
}
