use aws_sdk_ec2::types::{self, NatGatewayState, ResourceType};

use super::calls::{from_sdk, retry_until_consistent, tag_specification};
use super::lists::{Item, filter};
use super::locate::locate;
use super::progress::{Progress, until_gone, until_ready};
use crate::resources::prelude::*;

/// A public NAT gateway: private subnets reach the internet through it, and can't be reached from there. AWS can't create it
/// before the VPC's internet gateway is attached.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NatGateway {
    /// The public subnet of the gateway.
    pub subnet_id: SubnetId,
    /// Its elastic IP.
    pub allocation_id: AllocationId,
}

/// The outputs of a NAT gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NatGatewayOutputs {
    /// The NAT gateway.
    pub nat_gateway_id: NatGatewayId,
}

impl Resource for NatGateway {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["subnet_id", "allocation_id"],
        blocks_deletion_of: &["ec2.internet_gateway", "ec2.subnet"],
        ..TypeInfo::new(
            "ec2.nat_gateway",
            minutes(2),
            &[
                "ec2:DescribeNatGateways",
                "ec2:CreateNatGateway",
                "ec2:DeleteNatGateway",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = NatGatewayOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&NatGatewayOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.nat_gateway_id);
        let Some(gateway) = locate::<types::NatGateway>(cx, known).await? else { return Ok(None) };
        let addresses = gateway.nat_gateway_addresses();
        let primary = addresses.iter().find(|address| address.is_primary == Some(true)).or(addresses.first());
        let spec = NatGateway {
            subnet_id: gateway.subnet_id().unwrap_or_default().into(),
            allocation_id: primary.and_then(|address| address.allocation_id()).unwrap_or_default().into(),
        };
        let outputs = NatGatewayOutputs { nat_gateway_id: gateway.id().into() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(gateway.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<NatGatewayOutputs> {
        let create = || async {
            let request = cx.ec2.create_nat_gateway().client_token(&cx.token).subnet_id(&*self.subnet_id);
            let request = request.allocation_id(&*self.allocation_id);
            Ok(request.tag_specifications(tag_specification(cx, ResourceType::Natgateway)).send().await?)
        };
        let gateway = retry_until_consistent(cx, create).await?.nat_gateway;
        let id = gateway.and_then(|gateway| gateway.nat_gateway_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateNatGateway", "NatGatewayId"))?;
        let outputs = NatGatewayOutputs { nat_gateway_id: id.into() };
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &NatGatewayOutputs) -> Result<()> {
        until_ready(cx, "the NAT gateway", || progress(cx, &outputs.nat_gateway_id)).await
    }

    async fn tag(cx: &Cx, outputs: &NatGatewayOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.nat_gateway_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &NatGatewayOutputs) -> Result<()> {
        let id = &*outputs.nat_gateway_id;
        let delete = async { Ok(cx.ec2.delete_nat_gateway().nat_gateway_id(id).send().await?) };
        ignore_not_found(delete.await)?;
        until_gone(cx, "the NAT gateway", || progress(cx, id)).await
    }

    fn hourly_charge(&self) -> Option<String> {
        Some("NAT gateway, about $0.045/h plus data".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-natgateway.html>
    fn cloudformation(&self) -> Form {
        let gateway = properties!(self, NatGateway {
            "ConnectivityType": "public",
            subnet_id => "SubnetId",
            allocation_id => "AllocationId",
        });
        Form::resource("AWS::EC2::NatGateway", gateway).output("nat_gateway_id", Form::reference())
    }
}

async fn progress(cx: &Cx, id: &str) -> Result<Progress> {
    let gateways = types::NatGateway::list(cx, vec![filter("nat-gateway-id", [id])]).await?;
    Ok(Progress::of(gateways, |gateway| match gateway.state() {
        Some(NatGatewayState::Available) => Progress::Ready,
        Some(NatGatewayState::Failed | NatGatewayState::Deleted) => {
            Progress::Ended(gateway.failure_message().unwrap_or("it was deleted").to_owned())
        }
        _ => Progress::Pending,
    }))
}
