use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, SubnetState};
use ipnet::Ipv4Net;

use super::blockers::{self, Blocked, delete_unblocked};
use super::calls::{from_sdk, retry_until_consistent, tag_specification, without_retries};
use super::lists::{Item, filter};
use super::locate::locate;
use crate::resources::prelude::*;

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
    /// Assign public addresses to instances that don't ask for another setting.
    pub map_public_ip: bool,
}

/// The outputs of a subnet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubnetOutputs {
    /// The subnet.
    pub subnet_id: SubnetId,
}

impl Subnet {
    /// A subnet with AWS's defaults: no public addresses.
    pub fn new(vpc_id: &VpcId, cidr: Ipv4Net, availability_zone: impl Into<String>) -> Self {
        Subnet { vpc_id: vpc_id.clone(), cidr, availability_zone: availability_zone.into(), map_public_ip: false }
    }
}

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
        let Some(subnet) = locate::<types::Subnet>(cx, known).await? else { return Ok(None) };
        let id = subnet.id();
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
            Ok(request.customize().config_override(without_retries()).send().await?)
        };
        let subnet = retry_until_consistent(cx, create).await?.subnet;
        let id = subnet.and_then(|subnet| subnet.subnet_id).ok_or(Error::incomplete("ec2:CreateSubnet", "SubnetId"))?;
        cx.wait_until("the subnet to become available", Patience::SHORT, || async {
            let subnets = types::Subnet::list(cx, vec![filter("subnet-id", [&id])]).await?;
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
        delete_unblocked(cx, Blocked::Subnet(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnet.html>
    fn cloudformation(&self) -> Form {
        let subnet = properties!(self, Subnet {
            vpc_id => "VpcId",
            cidr => "CidrBlock",
            availability_zone => "AvailabilityZone",
            map_public_ip => "MapPublicIpOnLaunch",
        });
        Form::resource("AWS::EC2::Subnet", subnet).output("subnet_id", Form::reference())
    }
}

impl Subnet {
    async fn set_public_ip(&self, cx: &Cx, id: &str) -> Result<()> {
        let value = AttributeBooleanValue::builder().value(self.map_public_ip).build();
        cx.ec2.modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(value).send().await?;
        Ok(())
    }
}
