use std::collections::BTreeSet;

use aws_sdk_ec2::types::{self, Filter, IpPermission, IpRange, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blockers::{self, Held, delete_when_free};
use super::{from_sdk, is_ours, item, locate, make, security_group_rule as rules, tag_specification};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::{SecurityGroupId, VpcId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A security group. It lets nothing in or out but what its rules say, which are resources of their own.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/security-groups.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Up to 255 characters; unique in the VPC; doesn't begin with `sg-`.
    pub name: String,
    /// What it is for: up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`.
    pub description: String,
    /// The VPC.
    pub vpc_id: VpcId,
    /// Rules that no step has made, in words: none are wanted. AWS's own first rule, that everything may go out, is one.
    pub other_rules: BTreeSet<String>,
}

/// What a security group gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroupOutputs {
    /// The security group.
    pub security_group_id: SecurityGroupId,
}

item!(types::SecurityGroup, group_id);

impl SecurityGroup {
    /// One without any rule.
    pub fn new(name: impl Into<String>, description: impl Into<String>, vpc_id: &VpcId) -> Self {
        SecurityGroup {
            name: name.into(),
            description: description.into(),
            vpc_id: vpc_id.clone(),
            other_rules: BTreeSet::new(),
        }
    }
}

impl Resource for SecurityGroup {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "description", "vpc_id"],
        serves_traffic: true,
        blocks_deletion_of: &["ec2.vpc"],
        ..TypeInfo::new(
            "ec2.security_group",
            seconds(3),
            blockers::actions![
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSecurityGroupRules",
                "ec2:CreateSecurityGroup",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:DeleteSecurityGroup",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = SecurityGroupOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&SecurityGroupOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.security_group_id);
        let Some(group) = locate(cx, "group-id", known, |filters| list(cx, filters)).await? else { return Ok(None) };
        let id = group.group_id().unwrap_or_default();
        let others = rules::of_group(cx, id).await?;
        let spec = SecurityGroup {
            name: group.group_name().unwrap_or_default().to_owned(),
            description: group.description().unwrap_or_default().to_owned(),
            vpc_id: group.vpc_id().unwrap_or_default().into(),
            other_rules: others.iter().filter(|rule| !is_ours(cx, rule.tags())).map(rules::describe).collect(),
        };
        Ok(Some(Found::tagged(spec, SecurityGroupOutputs { security_group_id: id.into() }, from_sdk(group.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<SecurityGroupOutputs> {
        let create = || async {
            let request = cx.ec2.create_security_group().group_name(&self.name).description(&self.description);
            let request = request.vpc_id(&*self.vpc_id);
            Ok(request.tag_specifications(tag_specification(cx, ResourceType::SecurityGroup)).send().await?)
        };
        let id = make(cx, create).await?.group_id.ok_or(Error::incomplete("ec2:CreateSecurityGroup", "GroupId"))?;
        // AWS's own first rule. By its content, as a list of rules may not show it yet.
        let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
        let everything = IpPermission::builder().ip_protocol("-1").ip_ranges(everywhere).build();
        let revoke =
            async { Ok(cx.ec2.revoke_security_group_egress().group_id(&id).ip_permissions(everything).send().await?) };
        ignore_not_found(revoke.await)?;
        Ok(SecurityGroupOutputs { security_group_id: id.into() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<SecurityGroupOutputs> {
        rules::revoke(cx, &found.outputs.security_group_id, |rule| !is_ours(cx, rule.tags())).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &SecurityGroupOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.security_group_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &SecurityGroupOutputs) -> Result<()> {
        let id = &*outputs.security_group_id;
        let delete = || async { Ok(cx.ec2.delete_security_group().group_id(id).send().await.map(|_| ())?) };
        delete_when_free(cx, Held::SecurityGroup(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html>
    fn cloudformation(&self) -> Form {
        let SecurityGroup { name, description, vpc_id, other_rules: _ } = self;
        // Without any rule CloudFormation would leave AWS's own, that everything may go out: this one lets nothing out.
        let nothing = json!({
            "IpProtocol": "icmp",
            "FromPort": 252,
            "ToPort": 86,
            "CidrIp": "255.255.255.255/32",
            "Description": "Disallow all traffic",
        });
        let group = json!({
            "GroupName": name,
            "GroupDescription": description,
            "VpcId": vpc_id,
            "SecurityGroupEgress": [nothing],
        });
        Form::of("AWS::EC2::SecurityGroup", group).gives("security_group_id", Form::attribute("GroupId"))
    }
}

pub(super) async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::SecurityGroup>> {
    let pages = cx.ec2.describe_security_groups().set_filters(Some(filters)).into_paginator();
    Ok(pages.items().send().try_collect().await?)
}
