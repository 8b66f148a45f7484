use std::collections::BTreeSet;

use aws_sdk_ec2::types;

use super::group_rules as rules;
use super::lists::Item;
use super::locate::{locate_default, read_default};
use crate::resources::prelude::*;

/// The default security group of a VPC, without rules: resources that name no group get it. It can't be deleted and goes with
/// its VPC.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultSecurityGroup {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Descriptions of its rules: always empty in a desired spec.
    rules: BTreeSet<String>,
}

/// The outputs of a VPC's default security group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultSecurityGroupOutputs {
    /// The security group.
    pub security_group_id: SecurityGroupId,
}

impl DefaultSecurityGroup {
    /// The default group of this VPC, without rules.
    pub fn stripped(vpc_id: &VpcId) -> Self {
        DefaultSecurityGroup { vpc_id: vpc_id.clone(), rules: BTreeSet::new() }
    }
}

impl Resource for DefaultSecurityGroup {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["vpc_id"],
        ..TypeInfo::new(
            "ec2.default_security_group",
            seconds(2),
            &[
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSecurityGroupRules",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
            ],
        )
    };

    type Outputs = DefaultSecurityGroupOutputs;

    async fn observe(&self, cx: &Cx, _known: Option<&DefaultSecurityGroupOutputs>) -> Result<Option<Found<Self>>> {
        let Some(group) = locate_default::<types::SecurityGroup>(cx, &self.vpc_id).await? else { return Ok(None) };
        let rules = rules::of_group(cx, group.id()).await?.iter().map(rules::describe).collect();
        let spec = DefaultSecurityGroup { vpc_id: self.vpc_id.clone(), rules };
        Ok(Some(Found::child(spec, DefaultSecurityGroupOutputs { security_group_id: group.id().into() })))
    }

    async fn create(&self, cx: &Cx) -> Result<DefaultSecurityGroupOutputs> {
        let id = read_default::<types::SecurityGroup>(cx, &self.vpc_id).await?.and_then(|group| group.group_id);
        let id = id.ok_or(Error::incomplete("ec2:DescribeSecurityGroups", "GroupId"))?;
        rules::revoke(cx, &id, |_| true).await?;
        Ok(DefaultSecurityGroupOutputs { security_group_id: id.into() })
    }

    async fn update(
        &self,
        cx: &Cx,
        found: &Found<Self>,
        _changes: &Changes<'_>,
    ) -> Result<DefaultSecurityGroupOutputs> {
        rules::revoke(cx, &found.outputs.security_group_id, |_| true).await?;
        Ok(found.outputs.clone())
    }

    async fn delete(_cx: &Cx, _outputs: &DefaultSecurityGroupOutputs) -> Result<()> {
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html>
    fn cloudformation(&self) -> Form {
        let DefaultSecurityGroup { vpc_id: _, rules: _ } = self;
        Form::unsupported(
            "CloudFormation can't remove AWS's own rules from the default security group of a VPC: the Config rule \
             VPC_DEFAULT_SECURITY_GROUP_CLOSED reports them",
        )
    }
}
