use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_ec2::types::{self, Filter};
use serde::{Deserialize, Serialize};

use super::{all_made_with_vpcs, filter, made_with_vpc, security_group, security_group_rule as rules};
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::resources::ids::{SecurityGroupId, VpcId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// The security group that AWS makes with a VPC: everything that names no group gets it, so it shall let nothing through.
/// It can't be deleted and goes with its VPC.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultSecurityGroup {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Its rules, in words: none are wanted.
    pub rules: BTreeSet<String>,
}

/// What a VPC's default security group gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultSecurityGroupOutputs {
    /// The security group.
    pub security_group_id: SecurityGroupId,
}

impl DefaultSecurityGroup {
    /// The one of this VPC, without any rule.
    pub fn stripped(vpc_id: &VpcId) -> Self {
        DefaultSecurityGroup { vpc_id: vpc_id.clone(), rules: BTreeSet::new() }
    }
}

impl Resource for DefaultSecurityGroup {
    const TYPE: TypeInfo = TypeInfo {
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
        let vpc_of = types::SecurityGroup::vpc_id;
        let group = made_with_vpc(cx, KEY, &self.vpc_id, vpc_of, |vpcs| list(cx, vpcs)).await?;
        let Some(group) = group else { return Ok(None) };
        let id = group.group_id().unwrap_or_default();
        let rules = rules::of_group(cx, id).await?.iter().map(rules::describe).collect();
        let spec = DefaultSecurityGroup { vpc_id: self.vpc_id.clone(), rules };
        Ok(Some(Found::child(spec, DefaultSecurityGroupOutputs { security_group_id: id.into() })))
    }

    async fn create(&self, cx: &Cx) -> Result<DefaultSecurityGroupOutputs> {
        // Read anew: the VPC was made in this run.
        let group = list(cx, filter("vpc-id", [&*self.vpc_id])).await?.into_iter().next();
        let id = group.and_then(|group| group.group_id);
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
            "CloudFormation can't take AWS's own rules out of a VPC's default security group: Config's rule \
             VPC_DEFAULT_SECURITY_GROUP_CLOSED tells of them",
        )
    }
}

/// The inventory key of the default groups of all VPCs that are ours.
const KEY: &str = "ec2.default-security-groups";

/// The default groups of all VPCs that are ours.
pub(super) async fn all(cx: &Cx) -> Result<Arc<Vec<types::SecurityGroup>>> {
    all_made_with_vpcs(cx, KEY, |vpcs| list(cx, vpcs)).await
}

async fn list(cx: &Cx, vpcs: Filter) -> Result<Vec<types::SecurityGroup>> {
    security_group::list(cx, vec![vpcs, filter("group-name", ["default"])]).await
}
