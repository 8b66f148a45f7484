use aws_sdk_ec2::types::{self, Filter};
use serde::{Deserialize, Serialize};

use super::network_acl::{self, NetworkAclEntries, entries, set_entries};
use super::{Direction, filter, made_with_vpc};
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::resources::ids::{NetworkAclId, VpcId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// The network ACL that AWS makes with a VPC: every subnet without another one gets it, so it shall let nothing through.
/// It can't be deleted and goes with its VPC.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultNetworkAcl {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Its entries but the last one, which drops everything and can't be changed: none are wanted.
    pub ingress: NetworkAclEntries,
    /// The same of what goes out.
    pub egress: NetworkAclEntries,
}

/// What a VPC's default network ACL gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultNetworkAclOutputs {
    /// The network ACL.
    pub network_acl_id: NetworkAclId,
}

impl DefaultNetworkAcl {
    /// The one of this VPC, without any entry.
    pub fn stripped(vpc_id: &VpcId) -> Self {
        DefaultNetworkAcl {
            vpc_id: vpc_id.clone(),
            ingress: NetworkAclEntries::new(),
            egress: NetworkAclEntries::new(),
        }
    }

    fn as_it_stands(&self, acl: &types::NetworkAcl) -> Self {
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
        let vpc_of = types::NetworkAcl::vpc_id;
        let key = "ec2.default-network-acls";
        let acl = made_with_vpc(cx, key, &self.vpc_id, vpc_of, |vpcs| list(cx, vpcs)).await?;
        let Some(acl) = acl else { return Ok(None) };
        let spec = self.as_it_stands(&acl);
        let id = acl.network_acl_id().unwrap_or_default();
        Ok(Some(Found::child(spec, DefaultNetworkAclOutputs { network_acl_id: id.into() })))
    }

    async fn create(&self, cx: &Cx) -> Result<DefaultNetworkAclOutputs> {
        // Read anew: the VPC was made in this run.
        let acl = list(cx, filter("vpc-id", [&*self.vpc_id])).await?.into_iter().next();
        let acl = acl.ok_or(Error::incomplete("ec2:DescribeNetworkAcls", "NetworkAcls"))?;
        let id = acl.network_acl_id().unwrap_or_default();
        self.set_entries(cx, id, &self.as_it_stands(&acl)).await?;
        Ok(DefaultNetworkAclOutputs { network_acl_id: id.into() })
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
            "CloudFormation can't take AWS's own entries out of a VPC's default network ACL: give each subnet an ACL of its own",
        )
    }
}

async fn list(cx: &Cx, vpcs: Filter) -> Result<Vec<types::NetworkAcl>> {
    network_acl::list(cx, vec![vpcs, filter("default", ["true"])]).await
}
