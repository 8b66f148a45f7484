use aws_sdk_ec2::types::{self, AttributeBooleanValue, Filter, ResourceType, VpcAttributeName, VpcState};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blockers::{self, Held, delete_when_free};
use super::{from_sdk, item, locate, make, sent_once, tag_specification};
use crate::aws::wait::Patience;
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::VpcId;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A virtual private cloud.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/configure-your-vpc.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vpc {
    /// The primary IPv4 block, /16 to /28.
    pub cidr: Ipv4Net,
    /// Resolve names through Amazon's DNS server.
    pub dns_support: bool,
    /// Give public host names; interface endpoints with private DNS need it.
    pub dns_hostnames: bool,
}

/// What a VPC gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VpcOutputs {
    /// The VPC.
    pub vpc_id: VpcId,
}

item!(types::Vpc, vpc_id);

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
        let known = known.map(|known| &*known.vpc_id);
        let Some(vpc) = locate(cx, "vpc-id", known, |filters| list(cx, filters)).await? else { return Ok(None) };
        let id = vpc.vpc_id().unwrap_or_default();
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
            Ok(request.customize().config_override(sent_once()).send().await?)
        };
        let answer = make(cx, create).await?;
        let id = answer.vpc.and_then(|vpc| vpc.vpc_id).ok_or(Error::incomplete("ec2:CreateVpc", "VpcId"))?;
        cx.wait_until("the VPC to become available", Patience::SHORT, || async {
            let vpcs = list(cx, vec![super::filter("vpc-id", [&id])]).await?;
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
        delete_when_free(cx, Held::Vpc(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpc.html>
    fn cloudformation(&self) -> Form {
        let Vpc { cidr, dns_support, dns_hostnames } = self;
        let vpc = json!({
            "CidrBlock": cidr,
            "EnableDnsSupport": dns_support,
            "EnableDnsHostnames": dns_hostnames,
        });
        Form::of("AWS::EC2::VPC", vpc).gives("vpc_id", Form::this())
    }
}

impl Vpc {
    /// One call an attribute: AWS takes no two in one.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcAttribute.html>
    async fn set_dns(&self, cx: &Cx, id: &str) -> Result<()> {
        let value = |on: bool| AttributeBooleanValue::builder().value(on).build();
        let modify = || cx.ec2.modify_vpc_attribute().vpc_id(id);
        modify().enable_dns_support(value(self.dns_support)).send().await?;
        modify().enable_dns_hostnames(value(self.dns_hostnames)).send().await?;
        Ok(())
    }
}

pub(super) async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::Vpc>> {
    Ok(cx.ec2.describe_vpcs().set_filters(Some(filters)).into_paginator().items().send().try_collect().await?)
}

async fn attribute(cx: &Cx, id: &str, name: VpcAttributeName) -> Result<bool> {
    let answer = cx.ec2.describe_vpc_attribute().vpc_id(id).attribute(name).send().await?;
    let value = answer.enable_dns_support.or(answer.enable_dns_hostnames).and_then(|value| value.value);
    Ok(value.unwrap_or(false))
}
