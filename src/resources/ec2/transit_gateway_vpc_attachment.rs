use aws_sdk_ec2::types::{
    self, ApplianceModeSupportValue, CreateTransitGatewayVpcAttachmentRequestOptions, DnsSupportValue, Filter,
    ModifyTransitGatewayVpcAttachmentRequestOptions, ResourceType, TransitGatewayAttachmentState as State,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::progress::{Progress, until_gone, until_ready};
use super::{difference, enable, filter, from_sdk, in_order_of, item, locate, make, sent_once, tag_specification};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::{SubnetId, TransitGatewayAttachmentId, TransitGatewayId, VpcId};
use crate::resources::{Changes, Found, Resource, TypeInfo, minutes};

/// Attaches a VPC to a transit gateway, by a network interface in one subnet of each zone.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayVpcAttachment {
    /// The transit gateway.
    pub transit_gateway_id: TransitGatewayId,
    /// The VPC.
    pub vpc_id: VpcId,
    /// Its subnets, at most one a zone. What is in another zone can't use the transit gateway.
    pub subnet_ids: Vec<SubnetId>,
    /// Resolve public host names of the other VPCs to private addresses.
    pub dns_support: bool,
    /// Keep both directions of a flow in one zone, for stateful appliances.
    pub appliance_mode_support: bool,
}

/// What an attachment gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayVpcAttachmentOutputs {
    /// The attachment.
    pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
}

item!(types::TransitGatewayVpcAttachment, transit_gateway_attachment_id);

impl TransitGatewayVpcAttachment {
    fn dns(&self) -> DnsSupportValue {
        if self.dns_support { DnsSupportValue::Enable } else { DnsSupportValue::Disable }
    }

    fn appliance_mode(&self) -> ApplianceModeSupportValue {
        if self.appliance_mode_support { ApplianceModeSupportValue::Enable } else { ApplianceModeSupportValue::Disable }
    }
}

impl Resource for TransitGatewayVpcAttachment {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["transit_gateway_id", "vpc_id"],
        blocks_deletion_of: &["ec2.subnet", "ec2.transit_gateway", "ec2.vpc"],
        ..TypeInfo::new(
            "ec2.transit_gateway_vpc_attachment",
            minutes(2),
            &[
                "ec2:DescribeTransitGatewayVpcAttachments",
                "ec2:CreateTransitGatewayVpcAttachment",
                "ec2:ModifyTransitGatewayVpcAttachment",
                "ec2:DeleteTransitGatewayVpcAttachment",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = TransitGatewayVpcAttachmentOutputs;

    async fn observe(
        &self,
        cx: &Cx,
        known: Option<&TransitGatewayVpcAttachmentOutputs>,
    ) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.transit_gateway_attachment_id);
        let attachment = locate(cx, "transit-gateway-attachment-id", known, |filters| standing(cx, filters)).await?;
        let Some(attachment) = attachment else { return Ok(None) };
        let options = attachment.options();
        let appliance_mode = options.and_then(|options| options.appliance_mode_support());
        let spec = TransitGatewayVpcAttachment {
            transit_gateway_id: attachment.transit_gateway_id().unwrap_or_default().into(),
            vpc_id: attachment.vpc_id().unwrap_or_default().into(),
            subnet_ids: in_order_of(&self.subnet_ids, attachment.subnet_ids().iter().map(Into::into).collect()),
            dns_support: options.and_then(|options| options.dns_support()) == Some(&DnsSupportValue::Enable),
            appliance_mode_support: appliance_mode == Some(&ApplianceModeSupportValue::Enable),
        };
        let id = attachment.transit_gateway_attachment_id().unwrap_or_default();
        let outputs = TransitGatewayVpcAttachmentOutputs { transit_gateway_attachment_id: id.into() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(attachment.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<TransitGatewayVpcAttachmentOutputs> {
        let options = CreateTransitGatewayVpcAttachmentRequestOptions::builder().dns_support(self.dns());
        let options = options.appliance_mode_support(self.appliance_mode()).build();
        let create = || async {
            let request = cx.ec2.create_transit_gateway_vpc_attachment().vpc_id(&*self.vpc_id);
            let request = request.transit_gateway_id(&*self.transit_gateway_id).options(options.clone());
            let request = request.set_subnet_ids(difference(&self.subnet_ids, &[]));
            let tags = tag_specification(cx, ResourceType::TransitGatewayAttachment);
            Ok(request.tag_specifications(tags).customize().config_override(sent_once()).send().await?)
        };
        let attachment = make(cx, create).await?.transit_gateway_vpc_attachment;
        let id = attachment.and_then(|attachment| attachment.transit_gateway_attachment_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateTransitGatewayVpcAttachment", "TransitGatewayAttachmentId"))?;
        let outputs = TransitGatewayVpcAttachmentOutputs { transit_gateway_attachment_id: id.into() };
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &TransitGatewayVpcAttachmentOutputs) -> Result<()> {
        until_ready(cx, "the attachment", || progress(cx, &outputs.transit_gateway_attachment_id)).await
    }

    async fn update(
        &self,
        cx: &Cx,
        found: &Found<Self>,
        _changes: &Changes<'_>,
    ) -> Result<TransitGatewayVpcAttachmentOutputs> {
        let id = &*found.outputs.transit_gateway_attachment_id;
        let options = ModifyTransitGatewayVpcAttachmentRequestOptions::builder().dns_support(self.dns());
        let options = options.appliance_mode_support(self.appliance_mode()).build();
        let (new, old) = (&self.subnet_ids, &found.spec.subnet_ids);
        let modify = || async {
            let request = cx.ec2.modify_transit_gateway_vpc_attachment().transit_gateway_attachment_id(id);
            let request = request.set_add_subnet_ids(difference(new, old));
            let request = request.set_remove_subnet_ids(difference(old, new));
            Ok(request.options(options.clone()).send().await?)
        };
        cx.retry_while_retryable("the attachment to take a change", modify).await?;
        until_ready(cx, "the attachment", || progress(cx, id)).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &TransitGatewayVpcAttachmentOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.transit_gateway_attachment_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &TransitGatewayVpcAttachmentOutputs) -> Result<()> {
        let id = &*outputs.transit_gateway_attachment_id;
        let delete = || async {
            let request = cx.ec2.delete_transit_gateway_vpc_attachment().transit_gateway_attachment_id(id);
            Ok(request.send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("the attachment to take its deletion", delete).await)?;
        until_gone(cx, "the attachment", || progress(cx, id)).await
    }

    fn hourly_charge(&self) -> Option<String> {
        Some("transit gateway attachment, about $0.05/h plus data".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-transitgatewayattachment.html>
    fn cloudformation(&self) -> Form {
        let TransitGatewayVpcAttachment { transit_gateway_id, vpc_id, subnet_ids, dns_support, appliance_mode_support } =
            self;
        let options = json!({
            "DnsSupport": enable(*dns_support),
            "ApplianceModeSupport": enable(*appliance_mode_support),
        });
        let attachment = json!({
            "TransitGatewayId": transit_gateway_id,
            "VpcId": vpc_id,
            "SubnetIds": subnet_ids,
            "Options": options,
        });
        // Not AWS::EC2::TransitGatewayVpcAttachment: that one is replaced when its subnets change.
        let form = Form::of("AWS::EC2::TransitGatewayAttachment", attachment);
        form.gives("transit_gateway_attachment_id", Form::this())
    }
}

/// AWS lists failed and deleted ones for a while.
async fn standing(cx: &Cx, mut filters: Vec<Filter>) -> Result<Vec<types::TransitGatewayVpcAttachment>> {
    filters.push(filter("state", ["initiating", "initiatingRequest", "pending", "available", "modifying"]));
    list(cx, filters).await
}

async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::TransitGatewayVpcAttachment>> {
    let pages = cx.ec2.describe_transit_gateway_vpc_attachments().set_filters(Some(filters)).into_paginator();
    Ok(pages.items().send().try_collect().await?)
}

async fn progress(cx: &Cx, id: &str) -> Result<Progress> {
    let attachments = list(cx, vec![filter("transit-gateway-attachment-id", [id])]).await?;
    Ok(Progress::of(attachments, |attachment| match attachment.state() {
        Some(State::Available) => Progress::Ready,
        Some(state @ (State::Deleted | State::Failed | State::Rejected)) => Progress::Ended(format!("it is {state}")),
        _ => Progress::Busy,
    }))
}
