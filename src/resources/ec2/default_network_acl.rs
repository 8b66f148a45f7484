use aws_sdk_ec2::types;

use super::Direction;
use super::lists::Item;
use super::locate::{locate_default, read_default};
use super::network_acl::{NetworkAclEntries, entries, set_entries};
use crate::resources::prelude::*;

/// The default network ACL of a VPC: subnets without another ACL get it. It can't be deleted and goes with its VPC.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultNetworkAcl {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The entries for incoming packets, without the last one, which denies everything and can't be changed.
    pub ingress: NetworkAclEntries,
    /// The entries for outgoing packets, without the last one.
    pub egress: NetworkAclEntries,
}

/// The outputs of a VPC's default network ACL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultNetworkAclOutputs {
    /// The network ACL.
    pub network_acl_id: NetworkAclId,
}

impl DefaultNetworkAcl {
    /// The default ACL of this VPC, without entries: it denies everything.
    pub fn stripped(vpc_id: &VpcId) -> Self {
        DefaultNetworkAcl {
            vpc_id: vpc_id.clone(),
            ingress: NetworkAclEntries::new(),
            egress: NetworkAclEntries::new(),
        }
    }

    fn observed(&self, acl: &types::NetworkAcl) -> Self {
        DefaultNetworkAcl {
            vpc_id: self.vpc_id.clone(),
            ingress: entries(acl, Direction::Ingress, &self.ingress),
            egress: entries(acl, Direction::Egress, &self.egress),
        }
    }

    async fn set_entries(&self, cx: &Cx, id: &str, old: &Self) -> Result<()> {
        set_entries(cx, id, Direction::Ingress, &old.ingress, &self.ingress).await?;
        set_entries(cx, id, Direction::Egress, &old.egress, &self.egress).await
    }
}

impl Resource for DefaultNetworkAcl {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["vpc_id"],
        ..TypeInfo::new(
            "ec2.default_network_acl",
            seconds(2),
            &[
                "ec2:DescribeNetworkAcls",
                "ec2:CreateNetworkAclEntry",
                "ec2:ReplaceNetworkAclEntry",
                "ec2:DeleteNetworkAclEntry",
            ],
        )
    };

    type Outputs = DefaultNetworkAclOutputs;

    async fn observe(&self, cx: &Cx, _known: Option<&DefaultNetworkAclOutputs>) -> Result<Option<Found<Self>>> {
        let Some(acl) = locate_default::<types::NetworkAcl>(cx, &self.vpc_id).await? else { return Ok(None) };
        Ok(Some(Found::child(self.observed(&acl), DefaultNetworkAclOutputs { network_acl_id: acl.id().into() })))
    }

    async fn create(&self, cx: &Cx) -> Result<DefaultNetworkAclOutputs> {
        let acl = read_default::<types::NetworkAcl>(cx, &self.vpc_id).await?;
        let acl = acl.ok_or(Error::incomplete("ec2:DescribeNetworkAcls", "NetworkAcls"))?;
        self.set_entries(cx, acl.id(), &self.observed(&acl)).await?;
        Ok(DefaultNetworkAclOutputs { network_acl_id: acl.id().into() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<DefaultNetworkAclOutputs> {
        self.set_entries(cx, &found.outputs.network_acl_id, &found.spec).await?;
        Ok(found.outputs.clone())
    }

    async fn delete(_cx: &Cx, _outputs: &DefaultNetworkAclOutputs) -> Result<()> {
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-networkaclentry.html>
    fn cloudformation(&self) -> Form {
        let DefaultNetworkAcl { vpc_id: _, ingress: _, egress: _ } = self;
        Form::unsupported(
            "CloudFormation can't remove AWS's own entries from the default network ACL of a VPC: give each subnet its own ACL",
        )
    }
}
