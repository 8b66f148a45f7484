use std::collections::BTreeSet;

use aws_sdk_ec2::types::{self, ResourceType};

use super::blockers::{self, Blocked, delete_unblocked};
use super::calls::{from_sdk, retry_until_consistent, tag_specification};
use super::group_rules as rules;
use super::lists::Item;
use super::locate::{is_owned, locate};
use crate::resources::prelude::*;

/// A security group. Its rules are resources of their own: it has no others, unless it keeps the default egress rule.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/security-groups.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Up to 255 characters; unique in the VPC; doesn't begin with `sg-`.
    pub name: String,
    /// Its purpose: up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`.
    pub description: String,
    /// The VPC.
    pub vpc_id: VpcId,
    /// Descriptions of rules that no step created: always empty in a desired spec.
    other_rules: BTreeSet<String>,
    /// Keep the egress rule that AWS creates with the group: everything to everywhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default_egress: bool,
}

/// The outputs of a security group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroupOutputs {
    /// The security group.
    pub security_group_id: SecurityGroupId,
}

impl SecurityGroup {
    /// A group without rules.
    pub fn new(name: impl Into<String>, description: impl Into<String>, vpc_id: &VpcId) -> Self {
        SecurityGroup {
            name: name.into(),
            description: description.into(),
            vpc_id: vpc_id.clone(),
            other_rules: BTreeSet::new(),
            default_egress: false,
        }
    }

    /// The same group with AWS's default egress rule.
    #[must_use]
    pub fn with_default_egress(self) -> Self {
        SecurityGroup { default_egress: true, ..self }
    }

    /// True for a rule that no step created and that the group must not have.
    fn is_unwanted(&self, cx: &Cx, rule: &types::SecurityGroupRule) -> bool {
        let is_kept = self.default_egress && rules::is_default_egress(rule);
        !is_kept && !is_owned(cx, rule.tags())
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
                "ec2:AuthorizeSecurityGroupEgress",
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
        let Some(group) = locate::<types::SecurityGroup>(cx, known).await? else { return Ok(None) };
        let mut others = rules::of_group(cx, group.id()).await?;
        others.retain(|rule| !is_owned(cx, rule.tags()));
        let (default_egress, others): (Vec<_>, Vec<_>) = others.into_iter().partition(rules::is_default_egress);
        let spec = SecurityGroup {
            name: group.group_name().unwrap_or_default().to_owned(),
            description: group.description().unwrap_or_default().to_owned(),
            vpc_id: group.vpc_id().unwrap_or_default().into(),
            other_rules: others.iter().map(rules::describe).collect(),
            default_egress: !default_egress.is_empty(),
        };
        let outputs = SecurityGroupOutputs { security_group_id: group.id().into() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(group.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<SecurityGroupOutputs> {
        let create = || async {
            let request = cx.ec2.create_security_group().group_name(&self.name).description(&self.description);
            let request = request.vpc_id(&*self.vpc_id);
            Ok(request.tag_specifications(tag_specification(cx, ResourceType::SecurityGroup)).send().await?)
        };
        let answer = retry_until_consistent(cx, create).await?;
        let id = answer.group_id.ok_or(Error::incomplete("ec2:CreateSecurityGroup", "GroupId"))?;
        if !self.default_egress {
            // By its content: a list of rules may not contain it yet.
            let request = cx.ec2.revoke_security_group_egress().group_id(&id);
            let revoke = async { Ok(request.ip_permissions(rules::default_egress()).send().await?) };
            ignore_not_found(revoke.await)?;
        }
        Ok(SecurityGroupOutputs { security_group_id: id.into() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<SecurityGroupOutputs> {
        let id = &*found.outputs.security_group_id;
        rules::revoke(cx, id, |rule| self.is_unwanted(cx, rule)).await?;
        if changes.has("default_egress") && self.default_egress {
            let request = cx.ec2.authorize_security_group_egress().group_id(id);
            request.ip_permissions(rules::default_egress()).send().await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &SecurityGroupOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.security_group_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &SecurityGroupOutputs) -> Result<()> {
        let id = &*outputs.security_group_id;
        let delete = || async { Ok(cx.ec2.delete_security_group().group_id(id).send().await.map(|_| ())?) };
        delete_unblocked(cx, Blocked::SecurityGroup(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html>
    fn cloudformation(&self) -> Form {
        // CloudFormation keeps AWS's egress rule in a group without any: this one allows nothing.
        let nothing = json!({
            "IpProtocol": "icmp",
            "FromPort": 252,
            "ToPort": 86,
            "CidrIp": "255.255.255.255/32",
            "Description": "Disallow all traffic",
        });
        let group = properties!(self, SecurityGroup {
            name => "GroupName",
            description => "GroupDescription",
            vpc_id => "VpcId",
            other_rules => _,
            default_egress => "SecurityGroupEgress": (!default_egress).then_some([nothing]),
        });
        Form::resource("AWS::EC2::SecurityGroup", group).output("security_group_id", Form::attribute("GroupId"))
    }
}
