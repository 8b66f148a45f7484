use aws_sdk_ec2::types::{
    self, AutoAcceptSharedAttachmentsValue, DefaultRouteTableAssociationValue, DefaultRouteTablePropagationValue,
    DnsSupportValue, Filter, ModifyTransitGatewayOptions, ResourceType, TransitGatewayRequestOptions,
    TransitGatewayState, VpnEcmpSupportValue,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blockers::{Held, delete_when_free};
use super::progress::{Progress, until_gone, until_ready};
use super::{enable, filter, from_sdk, item, locate, make, sent_once, tag_specification};
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::TransitGatewayId;
use crate::resources::{Changes, Found, Resource, TypeInfo, minutes};

/// A transit gateway: joins VPCs of a region.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-transit-gateways.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGateway {
    /// What it is for.
    pub description: String,
    /// Accept attachments from accounts that it is shared with, unasked.
    pub auto_accept_shared_attachments: bool,
    /// Let each new attachment use the default route table.
    pub default_route_table_association: bool,
    /// Let each new attachment announce itself in the default route table.
    pub default_route_table_propagation: bool,
    /// Resolve public host names of one VPC to private addresses in the others.
    pub dns_support: bool,
    /// Use several VPN tunnels at once.
    pub vpn_ecmp_support: bool,
}

/// What a transit gateway gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayOutputs {
    /// The transit gateway.
    pub transit_gateway_id: TransitGatewayId,
    /// Its ARN.
    pub arn: String,
}

item!(types::TransitGateway, transit_gateway_id);

/// AWS's word for on and off: each option has a type of its own.
macro_rules! switch {
    ($type:ident, $on:expr) => {
        if $on { $type::Enable } else { $type::Disable }
    };
}

/// Puts the options into a builder: those of a create and of a change are two types.
macro_rules! options {
    ($spec:ident, $builder:expr) => {
        $builder
            .auto_accept_shared_attachments(switch!(
                AutoAcceptSharedAttachmentsValue,
                $spec.auto_accept_shared_attachments
            ))
            .default_route_table_association(switch!(
                DefaultRouteTableAssociationValue,
                $spec.default_route_table_association
            ))
            .default_route_table_propagation(switch!(
                DefaultRouteTablePropagationValue,
                $spec.default_route_table_propagation
            ))
            .dns_support(switch!(DnsSupportValue, $spec.dns_support))
            .vpn_ecmp_support(switch!(VpnEcmpSupportValue, $spec.vpn_ecmp_support))
            .build()
    };
}

impl Resource for TransitGateway {
    const TYPE: TypeInfo = TypeInfo {
        ..TypeInfo::new(
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
        )
    };

    type Outputs = TransitGatewayOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TransitGatewayOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.transit_gateway_id);
        let gateway = locate(cx, "transit-gateway-id", known, |filters| standing(cx, filters)).await?;
        let Some(gateway) = gateway else { return Ok(None) };
        let options = gateway.options();
        let accepts = options.and_then(|options| options.auto_accept_shared_attachments());
        let associates = options.and_then(|options| options.default_route_table_association());
        let propagates = options.and_then(|options| options.default_route_table_propagation());
        let spec = TransitGateway {
            description: gateway.description().unwrap_or_default().to_owned(),
            auto_accept_shared_attachments: accepts == Some(&AutoAcceptSharedAttachmentsValue::Enable),
            default_route_table_association: associates == Some(&DefaultRouteTableAssociationValue::Enable),
            default_route_table_propagation: propagates == Some(&DefaultRouteTablePropagationValue::Enable),
            dns_support: options.and_then(|options| options.dns_support()) == Some(&DnsSupportValue::Enable),
            vpn_ecmp_support: options.and_then(|options| options.vpn_ecmp_support())
                == Some(&VpnEcmpSupportValue::Enable),
        };
        Ok(Some(Found::tagged(spec, outputs(&gateway), from_sdk(gateway.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<TransitGatewayOutputs> {
        let create = || async {
            let options = options!(self, TransitGatewayRequestOptions::builder());
            let request = cx.ec2.create_transit_gateway().description(&self.description).options(options);
            let request = request.tag_specifications(tag_specification(cx, ResourceType::TransitGateway));
            Ok(request.customize().config_override(sent_once()).send().await?)
        };
        let answer = make(cx, create).await?;
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
        cx.retry_while_retryable("the transit gateway to take a change", modify).await?;
        until_ready(cx, "the transit gateway", || progress(cx, id)).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &TransitGatewayOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.transit_gateway_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &TransitGatewayOutputs) -> Result<()> {
        let id = &*outputs.transit_gateway_id;
        let delete = || async { Ok(cx.ec2.delete_transit_gateway().transit_gateway_id(id).send().await.map(|_| ())?) };
        delete_when_free(cx, Held::TransitGateway(id), delete).await?;
        until_gone(cx, "the transit gateway", || progress(cx, id)).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-transitgateway.html>
    fn cloudformation(&self) -> Form {
        let TransitGateway {
            description,
            auto_accept_shared_attachments,
            default_route_table_association,
            default_route_table_propagation,
            dns_support,
            vpn_ecmp_support,
        } = self;
        let gateway = json!({
            "Description": description,
            "AutoAcceptSharedAttachments": enable(*auto_accept_shared_attachments),
            "DefaultRouteTableAssociation": enable(*default_route_table_association),
            "DefaultRouteTablePropagation": enable(*default_route_table_propagation),
            "DnsSupport": enable(*dns_support),
            "VpnEcmpSupport": enable(*vpn_ecmp_support),
        });
        let form = Form::of("AWS::EC2::TransitGateway", gateway).gives("transit_gateway_id", Form::this());
        form.gives("arn", Form::attribute("TransitGatewayArn"))
    }
}

fn outputs(gateway: &types::TransitGateway) -> TransitGatewayOutputs {
    TransitGatewayOutputs {
        transit_gateway_id: gateway.transit_gateway_id().unwrap_or_default().into(),
        arn: gateway.transit_gateway_arn().unwrap_or_default().to_owned(),
    }
}

/// AWS lists deleted ones for a while.
async fn standing(cx: &Cx, mut filters: Vec<Filter>) -> Result<Vec<types::TransitGateway>> {
    filters.push(filter("state", ["pending", "available", "modifying"]));
    list(cx, filters).await
}

async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::TransitGateway>> {
    let pages = cx.ec2.describe_transit_gateways().set_filters(Some(filters)).into_paginator();
    Ok(pages.items().send().try_collect().await?)
}

async fn progress(cx: &Cx, id: &str) -> Result<Progress> {
    let gateways = list(cx, vec![filter("transit-gateway-id", [id])]).await?;
    Ok(Progress::of(gateways, |gateway| match gateway.state() {
        Some(TransitGatewayState::Available) => Progress::Ready,
        Some(TransitGatewayState::Deleted) => Progress::Ended("it was deleted".to_owned()),
        _ => Progress::Busy,
    }))
}
