use aws_sdk_ec2::types::{TransitGatewayPropagationState as State, TransitGatewayRouteTablePropagation};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::progress::{Progress, until_gone, until_ready};
use super::{is_known, make};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::cloudformation::{Form, Tagging};
use crate::resources::ids::{TransitGatewayAttachmentId, TransitGatewayRouteTableId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// Makes a route table of a transit gateway lead to the VPC of an attachment.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-route-tables.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayPropagation {
    /// The attachment.
    pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
    /// The route table.
    pub transit_gateway_route_table_id: TransitGatewayRouteTableId,
}

/// What finds a propagation again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayPropagationOutputs {
    /// The attachment.
    pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
    /// The route table of the transit gateway.
    pub transit_gateway_route_table_id: TransitGatewayRouteTableId,
}

impl Resource for TransitGatewayPropagation {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["transit_gateway_attachment_id", "transit_gateway_route_table_id"],
        ..TypeInfo::new(
            "ec2.transit_gateway_propagation",
            seconds(30),
            &[
                "ec2:GetTransitGatewayRouteTablePropagations",
                "ec2:EnableTransitGatewayRouteTablePropagation",
                "ec2:DisableTransitGatewayRouteTablePropagation",
            ],
        )
    };

    type Outputs = TransitGatewayPropagationOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TransitGatewayPropagationOutputs>) -> Result<Option<Found<Self>>> {
        for outputs in known.into_iter().chain([&self.outputs()]) {
            let (attachment, table) = (&outputs.transit_gateway_attachment_id, &outputs.transit_gateway_route_table_id);
            if !is_known(table) {
                continue;
            }
            // One call answers for all attachments of a route table.
            let all = cx.inventory.once(format!("ec2.propagations.{table}"), list(cx, table)).await?;
            let this = all.iter().find(|one| one.transit_gateway_attachment_id() == Some(attachment));
            if this.is_some_and(|one| !matches!(one.state(), Some(State::Disabling | State::Disabled))) {
                let spec = TransitGatewayPropagation {
                    transit_gateway_attachment_id: attachment.clone(),
                    transit_gateway_route_table_id: table.clone(),
                };
                return Ok(Some(Found::child(spec, outputs.clone())));
            }
        }
        Ok(None)
    }

    async fn create(&self, cx: &Cx) -> Result<TransitGatewayPropagationOutputs> {
        let enable = || async {
            let request = cx.ec2.enable_transit_gateway_route_table_propagation();
            let request = request.transit_gateway_attachment_id(&*self.transit_gateway_attachment_id);
            let table = &*self.transit_gateway_route_table_id;
            Ok(request.transit_gateway_route_table_id(table).send().await?)
        };
        make(cx, enable).await?;
        let outputs = self.outputs();
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &TransitGatewayPropagationOutputs) -> Result<()> {
        let (attachment, table) = (&*outputs.transit_gateway_attachment_id, &*outputs.transit_gateway_route_table_id);
        until_ready(cx, "the propagation", || progress(cx, attachment, table)).await
    }

    async fn update(
        &self,
        _cx: &Cx,
        found: &Found<Self>,
        _changes: &Changes<'_>,
    ) -> Result<TransitGatewayPropagationOutputs> {
        Ok(found.outputs.clone())
    }

    async fn delete(cx: &Cx, outputs: &TransitGatewayPropagationOutputs) -> Result<()> {
        let (attachment, table) = (&*outputs.transit_gateway_attachment_id, &*outputs.transit_gateway_route_table_id);
        let disable = || async {
            let request = cx.ec2.disable_transit_gateway_route_table_propagation();
            let request = request.transit_gateway_attachment_id(attachment).transit_gateway_route_table_id(table);
            Ok(request.send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("the attachment to take a change", disable).await)?;
        until_gone(cx, "the propagation", || progress(cx, attachment, table)).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-transitgatewayroutetablepropagation.html>
    fn cloudformation(&self) -> Form {
        let TransitGatewayPropagation { transit_gateway_attachment_id, transit_gateway_route_table_id } = self;
        let propagation = json!({
            "TransitGatewayAttachmentId": transit_gateway_attachment_id,
            "TransitGatewayRouteTableId": transit_gateway_route_table_id,
        });
        Form::resource("AWS::EC2::TransitGatewayRouteTablePropagation", propagation)
            .tagged(Tagging::None)
            .output("transit_gateway_attachment_id", &**transit_gateway_attachment_id)
            .output("transit_gateway_route_table_id", &**transit_gateway_route_table_id)
    }
}

impl TransitGatewayPropagation {
    fn outputs(&self) -> TransitGatewayPropagationOutputs {
        TransitGatewayPropagationOutputs {
            transit_gateway_attachment_id: self.transit_gateway_attachment_id.clone(),
            transit_gateway_route_table_id: self.transit_gateway_route_table_id.clone(),
        }
    }
}

async fn progress(cx: &Cx, attachment: &str, table: &str) -> Result<Progress> {
    let mut all = list(cx, table).await?;
    all.retain(|one| one.transit_gateway_attachment_id() == Some(attachment));
    Ok(Progress::of(all, |one| match one.state() {
        Some(State::Enabled) => Progress::Ready,
        Some(State::Disabled) => Progress::Ended("it was disabled".to_owned()),
        _ => Progress::Busy,
    }))
}

/// None of a route table that is gone.
async fn list(cx: &Cx, table: &str) -> Result<Vec<TransitGatewayRouteTablePropagation>> {
    let pages = cx.ec2.get_transit_gateway_route_table_propagations().transit_gateway_route_table_id(table);
    let load = async { Ok(pages.into_paginator().items().send().try_collect().await?) };
    Ok(ignore_not_found(load.await)?.unwrap_or_default())
}
