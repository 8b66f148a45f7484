use aws_sdk_ec2::types::{self, AttributeBooleanValue, Filter, ResourceType, SubnetState};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blockers::{self, Held, delete_when_free};
use super::{filter, from_sdk, item, locate, make, sent_once, tag_specification};
use crate::aws::wait::Patience;
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::{SubnetId, VpcId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A subnet: a part of a VPC's block in one availability zone.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subnet {
    /// The VPC.
    pub vpc_id: VpcId,
    /// A part of the VPC's block, /16 to /28.
    pub cidr: Ipv4Net,
    /// The zone's name, for example `us-east-1a`.
    pub availability_zone: String,
    /// Give what is launched here a public address, unless it says otherwise.
    pub map_public_ip: bool,
}

/// What a subnet gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubnetOutputs {
    /// The subnet.
    pub subnet_id: SubnetId,
}

item!(types::Subnet, subnet_id);

impl Resource for Subnet {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["vpc_id", "cidr", "availability_zone"],
        serves_traffic: true,
        blocks_deletion_of: &["ec2.vpc"],
        ..TypeInfo::new(
            "ec2.subnet",
            seconds(5),
            blockers::actions![
                "ec2:DescribeSubnets",
                "ec2:CreateSubnet",
                "ec2:ModifySubnetAttribute",
                "ec2:DeleteSubnet",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = SubnetOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&SubnetOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.subnet_id);
        let Some(subnet) = locate(cx, "subnet-id", known, |filters| list(cx, filters)).await? else { return Ok(None) };
        let id = subnet.subnet_id().unwrap_or_default();
        let cidr = subnet.cidr_block().unwrap_or_default();
        let spec = Subnet {
            vpc_id: subnet.vpc_id().unwrap_or_default().into(),
            cidr: cidr.parse().map_err(|_| Error::local(format!("{id} has the CIDR {cidr:?}")))?,
            availability_zone: subnet.availability_zone().unwrap_or_default().to_owned(),
            map_public_ip: subnet.map_public_ip_on_launch.unwrap_or(false),
        };
        Ok(Some(Found::tagged(spec, SubnetOutputs { subnet_id: id.into() }, from_sdk(subnet.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<SubnetOutputs> {
        let create = || async {
            let request = cx.ec2.create_subnet().vpc_id(&*self.vpc_id).cidr_block(self.cidr.to_string());
            let request = request.availability_zone(&self.availability_zone);
            let request = request.tag_specifications(tag_specification(cx, ResourceType::Subnet));
            Ok(request.customize().config_override(sent_once()).send().await?)
        };
        let subnet = make(cx, create).await?.subnet;
        let id = subnet.and_then(|subnet| subnet.subnet_id).ok_or(Error::incomplete("ec2:CreateSubnet", "SubnetId"))?;
        cx.wait_until("the subnet to become available", Patience::SHORT, || async {
            let subnets = list(cx, vec![filter("subnet-id", [&id])]).await?;
            Ok(subnets.first().and_then(|subnet| (subnet.state() == Some(&SubnetState::Available)).then_some(())))
        })
        .await?;
        if self.map_public_ip {
            self.set_public_ip(cx, &id).await?;
        }
        Ok(SubnetOutputs { subnet_id: id.into() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<SubnetOutputs> {
        self.set_public_ip(cx, &found.outputs.subnet_id).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &SubnetOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.subnet_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &SubnetOutputs) -> Result<()> {
        let id = &*outputs.subnet_id;
        let delete = || async { Ok(cx.ec2.delete_subnet().subnet_id(id).send().await.map(|_| ())?) };
        delete_when_free(cx, Held::Subnet(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnet.html>
    fn cloudformation(&self) -> Form {
        let Subnet { vpc_id, cidr, availability_zone, map_public_ip } = self;
        let subnet = json!({
            "VpcId": vpc_id,
            "CidrBlock": cidr,
            "AvailabilityZone": availability_zone,
            "MapPublicIpOnLaunch": map_public_ip,
        });
        Form::of("AWS::EC2::Subnet", subnet).gives("subnet_id", Form::this())
    }
}

impl Subnet {
    async fn set_public_ip(&self, cx: &Cx, id: &str) -> Result<()> {
        let value = AttributeBooleanValue::builder().value(self.map_public_ip).build();
        cx.ec2.modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(value).send().await?;
        Ok(())
    }
}

pub(super) async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::Subnet>> {
    Ok(cx.ec2.describe_subnets().set_filters(Some(filters)).into_paginator().items().send().try_collect().await?)
}
