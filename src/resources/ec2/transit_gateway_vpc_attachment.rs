use aws_sdk_ec2::types::{
    self, ApplianceModeSupportValue, CreateTransitGatewayVpcAttachmentRequestOptions, DnsSupportValue,
    ModifyTransitGatewayVpcAttachmentRequestOptions, ResourceType, TransitGatewayAttachmentState as State,
};

use super::calls::{
    difference, enable, from_sdk, in_order_of, retry_until_consistent, tag_specification, without_retries,
};
use super::lists::{Item, filter};
use super::locate::locate;
use super::progress::{Progress, until_gone, until_ready};
use crate::resources::prelude::*;

/// The attachment of a VPC to a transit gateway, by a network interface in one subnet of each zone.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayVpcAttachment {
    /// The transit gateway.
    pub transit_gateway_id: TransitGatewayId,
    /// The VPC.
    pub vpc_id: VpcId,
    /// Subnets of the VPC, at most one in each zone. Resources in other zones can't use the transit gateway.
    pub subnet_ids: Vec<SubnetId>,
    /// Resolve public host names of the other VPCs to private addresses.
    pub dns_support: bool,
    /// Route both directions of a flow through one zone, for stateful appliances.
    pub appliance_mode_support: bool,
}

/// The outputs of an attachment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayVpcAttachmentOutputs {
    /// The attachment.
    pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
}

impl TransitGatewayVpcAttachment {
    /// An attachment with AWS's defaults: DNS support, no appliance mode.
    pub fn new(transit_gateway_id: &TransitGatewayId, vpc_id: &VpcId, subnet_ids: Vec<SubnetId>) -> Self {
        TransitGatewayVpcAttachment {
            transit_gateway_id: transit_gateway_id.clone(),
            vpc_id: vpc_id.clone(),
            subnet_ids,
            dns_support: true,
            appliance_mode_support: false,
        }
    }

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
        let Some(attachment) = locate::<types::TransitGatewayVpcAttachment>(cx, known).await? else {
            return Ok(None);
        };
        let options = attachment.options();
        let appliance_mode = options.and_then(|options| options.appliance_mode_support());
        let spec = TransitGatewayVpcAttachment {
            transit_gateway_id: attachment.transit_gateway_id().unwrap_or_default().into(),
            vpc_id: attachment.vpc_id().unwrap_or_default().into(),
            subnet_ids: in_order_of(&self.subnet_ids, attachment.subnet_ids().iter().map(Into::into).collect()),
            dns_support: options.and_then(|options| options.dns_support()) == Some(&DnsSupportValue::Enable),
            appliance_mode_support: appliance_mode == Some(&ApplianceModeSupportValue::Enable),
        };
        let outputs = TransitGatewayVpcAttachmentOutputs { transit_gateway_attachment_id: attachment.id().into() };
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
            Ok(request.tag_specifications(tags).customize().config_override(without_retries()).send().await?)
        };
        let attachment = retry_until_consistent(cx, create).await?.transit_gateway_vpc_attachment;
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
        cx.retry_while_retryable("EC2 to accept the change of the attachment", modify).await?;
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
        ignore_not_found(cx.retry_while_retryable("EC2 to accept the deletion of the attachment", delete).await)?;
        until_gone(cx, "the attachment", || progress(cx, id)).await
    }

    fn hourly_charge(&self) -> Option<String> {
        Some("transit gateway attachment, about $0.05/h plus data".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-transitgatewayattachment.html>
    fn cloudformation(&self) -> Form {
        let attachment = properties!(self, TransitGatewayVpcAttachment {
            transit_gateway_id => "TransitGatewayId",
            vpc_id => "VpcId",
            subnet_ids => "SubnetIds",
            dns_support => "Options": json!({
                "DnsSupport": enable(*dns_support),
                "ApplianceModeSupport": enable(*appliance_mode_support),
            }),
            appliance_mode_support => _,
        });
        // Not AWS::EC2::TransitGatewayVpcAttachment: a change of its subnets replaces it.
        let form = Form::resource("AWS::EC2::TransitGatewayAttachment", attachment);
        form.output("transit_gateway_attachment_id", Form::reference())
    }
}

async fn progress(cx: &Cx, id: &str) -> Result<Progress> {
    let filters = vec![filter("transit-gateway-attachment-id", [id])];
    let attachments = types::TransitGatewayVpcAttachment::list(cx, filters).await?;
    Ok(Progress::of(attachments, |attachment| match attachment.state() {
        Some(State::Available) => Progress::Ready,
        Some(state @ (State::Deleted | State::Failed | State::Rejected)) => Progress::Ended(format!("it is {state}")),
        _ => Progress::Pending,
    }))
}
