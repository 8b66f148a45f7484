use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, VpcAttributeName, VpcState};
use ipnet::Ipv4Net;

use super::blockers::{self, Blocked, delete_unblocked};
use super::calls::{from_sdk, retry_until_consistent, tag_specification, without_retries};
use super::lists::{Item, filter};
use super::locate::locate;
use crate::resources::prelude::*;

/// A virtual private cloud.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/configure-your-vpc.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vpc {
    /// The primary IPv4 block, /16 to /28.
    pub cidr: Ipv4Net,
    /// Resolve names through Amazon's DNS server.
    pub dns_support: bool,
    /// Assign public DNS host names; interface endpoints with private DNS need it.
    pub dns_hostnames: bool,
}

/// The outputs of a VPC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VpcOutputs {
    /// The VPC.
    pub vpc_id: VpcId,
}

impl Vpc {
    /// A VPC with AWS's defaults: DNS support, no DNS host names.
    pub fn new(cidr: Ipv4Net) -> Self {
        Vpc { cidr, dns_support: true, dns_hostnames: false }
    }
}

impl Resource for Vpc {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["cidr"],
        serves_traffic: true,
        ..TypeInfo::new(
            "ec2.vpc",
            seconds(5),
            blockers::actions![
                "ec2:DescribeVpcs",
                "ec2:DescribeVpcAttribute",
                "ec2:CreateVpc",
                "ec2:ModifyVpcAttribute",
                "ec2:DeleteVpc",
                "ec2:DescribeSubnets",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeRouteTables",
                "ec2:DescribeNetworkAcls",
                "ec2:DescribeInternetGateways",
                "ec2:DescribeEgressOnlyInternetGateways",
                "ec2:DescribeVpnGateways",
                "ec2:DescribeVpcPeeringConnections",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = VpcOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&VpcOutputs>) -> Result<Option<Found<Self>>> {
        let Some(vpc) = locate::<types::Vpc>(cx, known.map(|known| &*known.vpc_id)).await? else { return Ok(None) };
        let id = vpc.id();
        let (dns_support, dns_hostnames) = tokio::try_join!(
            attribute(cx, id, VpcAttributeName::EnableDnsSupport),
            attribute(cx, id, VpcAttributeName::EnableDnsHostnames),
        )?;
        let cidr = vpc.cidr_block().unwrap_or_default();
        let cidr = cidr.parse().map_err(|_| Error::local(format!("{id} has the CIDR {cidr:?}")))?;
        let spec = Vpc { cidr, dns_support, dns_hostnames };
        Ok(Some(Found::tagged(spec, VpcOutputs { vpc_id: id.into() }, from_sdk(vpc.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<VpcOutputs> {
        let create = || async {
            let request = cx.ec2.create_vpc().cidr_block(self.cidr.to_string());
            let request = request.tag_specifications(tag_specification(cx, ResourceType::Vpc));
            Ok(request.customize().config_override(without_retries()).send().await?)
        };
        let answer = retry_until_consistent(cx, create).await?;
        let id = answer.vpc.and_then(|vpc| vpc.vpc_id).ok_or(Error::incomplete("ec2:CreateVpc", "VpcId"))?;
        cx.wait_until("the VPC to become available", Patience::SHORT, || async {
            let vpcs = types::Vpc::list(cx, vec![filter("vpc-id", [&id])]).await?;
            Ok(vpcs.first().and_then(|vpc| (vpc.state() == Some(&VpcState::Available)).then_some(())))
        })
        .await?;
        self.set_dns(cx, &id).await?;
        Ok(VpcOutputs { vpc_id: id.into() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<VpcOutputs> {
        self.set_dns(cx, &found.outputs.vpc_id).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &VpcOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.vpc_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &VpcOutputs) -> Result<()> {
        let id = &*outputs.vpc_id;
        let delete = || async { Ok(cx.ec2.delete_vpc().vpc_id(id).send().await.map(|_| ())?) };
        delete_unblocked(cx, Blocked::Vpc(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpc.html>
    fn cloudformation(&self) -> Form {
        let vpc = properties!(self, Vpc {
            cidr => "CidrBlock",
            dns_support => "EnableDnsSupport",
            dns_hostnames => "EnableDnsHostnames",
        });
        Form::resource("AWS::EC2::VPC", vpc).output("vpc_id", Form::reference())
    }
}

impl Vpc {
    /// Sets both attributes; AWS takes one in a call.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcAttribute.html>
    async fn set_dns(&self, cx: &Cx, id: &str) -> Result<()> {
        let value = |on: bool| AttributeBooleanValue::builder().value(on).build();
        let modify = || cx.ec2.modify_vpc_attribute().vpc_id(id);
        modify().enable_dns_support(value(self.dns_support)).send().await?;
        modify().enable_dns_hostnames(value(self.dns_hostnames)).send().await?;
        Ok(())
    }
}

async fn attribute(cx: &Cx, id: &str, name: VpcAttributeName) -> Result<bool> {
    let answer = cx.ec2.describe_vpc_attribute().vpc_id(id).attribute(name).send().await?;
    let value = answer.enable_dns_support.or(answer.enable_dns_hostnames).and_then(|value| value.value);
    Ok(value.unwrap_or(false))
}
