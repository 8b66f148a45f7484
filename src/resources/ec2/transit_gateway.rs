use aws_sdk_ec2::types::{
    self, AutoAcceptSharedAttachmentsValue as AutoAccept, DefaultRouteTableAssociationValue as DefaultAssociation,
    DefaultRouteTablePropagationValue as DefaultPropagation, DnsSupportValue as DnsSupport,
    ModifyTransitGatewayOptions, ResourceType, TransitGatewayRequestOptions, TransitGatewayState,
    VpnEcmpSupportValue as VpnEcmpSupport,
};

use super::blockers::{Blocked, delete_unblocked};
use super::calls::{enable, from_sdk, retry_until_consistent, tag_specification, without_retries};
use super::lists::{Item, filter};
use super::locate::locate;
use super::progress::{Progress, until_gone, until_ready};
use crate::resources::prelude::*;

/// A transit gateway: connects the VPCs of a region.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-transit-gateways.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGateway {
    /// Its purpose.
    pub description: String,
    /// Accept attachments of accounts that it is shared with automatically.
    pub auto_accept_shared_attachments: bool,
    /// Associate new attachments with the default route table.
    pub default_route_table_association: bool,
    /// Propagate routes to new attachments to the default route table.
    pub default_route_table_propagation: bool,
    /// Resolve public host names of one VPC to private addresses in the others.
    pub dns_support: bool,
    /// Equal-cost multipath routing over VPN tunnels.
    pub vpn_ecmp_support: bool,
}

/// The outputs of a transit gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayOutputs {
    /// The transit gateway.
    pub transit_gateway_id: TransitGatewayId,
    /// Its ARN.
    pub arn: String,
}

impl TransitGateway {
    /// A transit gateway with AWS's defaults: all options but automatic acceptance are on.
    pub fn new(description: impl Into<String>) -> Self {
        TransitGateway {
            description: description.into(),
            auto_accept_shared_attachments: false,
            default_route_table_association: true,
            default_route_table_propagation: true,
            dns_support: true,
            vpn_ecmp_support: true,
        }
    }
}

/// The value of a switch: each option has its own type.
macro_rules! switch {
    ($type:ident, $on:expr) => {
        if $on { $type::Enable } else { $type::Disable }
    };
}

/// Puts the options into a builder: the options of a creation and of a change have different types.
macro_rules! options {
    ($spec:ident, $builder:expr) => {
        $builder
            .auto_accept_shared_attachments(switch!(AutoAccept, $spec.auto_accept_shared_attachments))
            .default_route_table_association(switch!(DefaultAssociation, $spec.default_route_table_association))
            .default_route_table_propagation(switch!(DefaultPropagation, $spec.default_route_table_propagation))
            .dns_support(switch!(DnsSupport, $spec.dns_support))
            .vpn_ecmp_support(switch!(VpnEcmpSupport, $spec.vpn_ecmp_support))
            .build()
    };
}

impl Resource for TransitGateway {
    const TYPE: TypeInfo = TypeInfo::new(
        "ec2.transit_gateway",
        minutes(2),
        &[
            "ec2:DescribeTransitGateways",
            "ec2:DescribeTransitGatewayAttachments",
            "ec2:CreateTransitGateway",
            "ec2:ModifyTransitGateway",
            "ec2:DeleteTransitGateway",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
    );

    type Outputs = TransitGatewayOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TransitGatewayOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.transit_gateway_id);
        let Some(gateway) = locate::<types::TransitGateway>(cx, known).await? else { return Ok(None) };
        let options = gateway.options();
        let accepts = options.and_then(|options| options.auto_accept_shared_attachments());
        let associates = options.and_then(|options| options.default_route_table_association());
        let propagates = options.and_then(|options| options.default_route_table_propagation());
        let spec = TransitGateway {
            description: gateway.description().unwrap_or_default().to_owned(),
            auto_accept_shared_attachments: accepts == Some(&AutoAccept::Enable),
            default_route_table_association: associates == Some(&DefaultAssociation::Enable),
            default_route_table_propagation: propagates == Some(&DefaultPropagation::Enable),
            dns_support: options.and_then(|options| options.dns_support()) == Some(&DnsSupport::Enable),
            vpn_ecmp_support: options.and_then(|options| options.vpn_ecmp_support()) == Some(&VpnEcmpSupport::Enable),
        };
        Ok(Some(Found::tagged(spec, outputs(&gateway), from_sdk(gateway.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<TransitGatewayOutputs> {
        let create = || async {
            let options = options!(self, TransitGatewayRequestOptions::builder());
            let request = cx.ec2.create_transit_gateway().description(&self.description).options(options);
            let request = request.tag_specifications(tag_specification(cx, ResourceType::TransitGateway));
            Ok(request.customize().config_override(without_retries()).send().await?)
        };
        let answer = retry_until_consistent(cx, create).await?;
        let gateway = answer.transit_gateway.ok_or(Error::incomplete("ec2:CreateTransitGateway", "TransitGateway"))?;
        let outputs = outputs(&gateway);
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &TransitGatewayOutputs) -> Result<()> {
        until_ready(cx, "the transit gateway", || progress(cx, &outputs.transit_gateway_id)).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<TransitGatewayOutputs> {
        let id = &*found.outputs.transit_gateway_id;
        let modify = || async {
            let options = options!(self, ModifyTransitGatewayOptions::builder());
            let request = cx.ec2.modify_transit_gateway().transit_gateway_id(id).description(&self.description);
            Ok(request.options(options).send().await?)
        };
        cx.retry_while_retryable("EC2 to accept the change of the transit gateway", modify).await?;
        until_ready(cx, "the transit gateway", || progress(cx, id)).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &TransitGatewayOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.transit_gateway_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &TransitGatewayOutputs) -> Result<()> {
        let id = &*outputs.transit_gateway_id;
        let delete = || async { Ok(cx.ec2.delete_transit_gateway().transit_gateway_id(id).send().await.map(|_| ())?) };
        delete_unblocked(cx, Blocked::TransitGateway(id), delete).await?;
        until_gone(cx, "the transit gateway", || progress(cx, id)).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-transitgateway.html>
    fn cloudformation(&self) -> Form {
        let gateway = properties!(self, TransitGateway {
            description => "Description",
            auto_accept_shared_attachments => "AutoAcceptSharedAttachments": enable(*auto_accept_shared_attachments),
            default_route_table_association => "DefaultRouteTableAssociation": enable(*default_route_table_association),
            default_route_table_propagation => "DefaultRouteTablePropagation": enable(*default_route_table_propagation),
            dns_support => "DnsSupport": enable(*dns_support),
            vpn_ecmp_support => "VpnEcmpSupport": enable(*vpn_ecmp_support),
        });
        let form = Form::resource("AWS::EC2::TransitGateway", gateway).output("transit_gateway_id", Form::reference());
        form.output("arn", Form::attribute("TransitGatewayArn"))
    }
}

fn outputs(gateway: &types::TransitGateway) -> TransitGatewayOutputs {
    TransitGatewayOutputs {
        transit_gateway_id: gateway.transit_gateway_id().unwrap_or_default().into(),
        arn: gateway.transit_gateway_arn().unwrap_or_default().to_owned(),
    }
}

async fn progress(cx: &Cx, id: &str) -> Result<Progress> {
    let gateways = types::TransitGateway::list(cx, vec![filter("transit-gateway-id", [id])]).await?;
    Ok(Progress::of(gateways, |gateway| match gateway.state() {
        Some(TransitGatewayState::Available) => Progress::Ready,
        Some(TransitGatewayState::Deleted) => Progress::Ended("it was deleted".to_owned()),
        _ => Progress::Pending,
    }))
}
