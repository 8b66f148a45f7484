use aws_sdk_ec2::types::{TransitGatewayAssociationState as State, TransitGatewayRouteTableAssociation};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::progress::{Progress, until_gone, until_ready};
use super::{is_known, make};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::cloudformation::{Form, Tagging};
use crate::resources::ids::{TransitGatewayAttachmentId, TransitGatewayRouteTableId};
use crate::resources::{Changes, Found, Resource, TypeInfo, minutes};

/// Makes an attachment use a route table of its transit gateway.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-route-tables.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayAssociation {
    /// The attachment. It can have one.
    pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
    /// The route table.
    pub transit_gateway_route_table_id: TransitGatewayRouteTableId,
}

/// What finds an association again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayAssociationOutputs {
    /// The attachment.
    pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
    /// The route table of the transit gateway.
    pub transit_gateway_route_table_id: TransitGatewayRouteTableId,
}

impl Resource for TransitGatewayAssociation {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["transit_gateway_attachment_id", "transit_gateway_route_table_id"],
        ..TypeInfo::new(
            "ec2.transit_gateway_association",
            minutes(1),
            &[
                "ec2:GetTransitGatewayRouteTableAssociations",
                "ec2:AssociateTransitGatewayRouteTable",
                "ec2:DisassociateTransitGatewayRouteTable",
            ],
        )
    };

    type Outputs = TransitGatewayAssociationOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TransitGatewayAssociationOutputs>) -> Result<Option<Found<Self>>> {
        for outputs in known.into_iter().chain([&self.outputs()]) {
            let (attachment, table) = (&outputs.transit_gateway_attachment_id, &outputs.transit_gateway_route_table_id);
            if !is_known(table) {
                continue;
            }
            // One call answers for all attachments of a route table.
            let all = cx.inventory.once(format!("ec2.associations.{table}"), list(cx, table)).await?;
            let this = all.iter().find(|one| one.transit_gateway_attachment_id() == Some(attachment));
            if this.is_some_and(|one| !matches!(one.state(), Some(State::Disassociating | State::Disassociated))) {
                let spec = TransitGatewayAssociation {
                    transit_gateway_attachment_id: attachment.clone(),
                    transit_gateway_route_table_id: table.clone(),
                };
                return Ok(Some(Found::child(spec, outputs.clone())));
            }
        }
        Ok(None)
    }

    async fn create(&self, cx: &Cx) -> Result<TransitGatewayAssociationOutputs> {
        let associate = || async {
            let request = cx.ec2.associate_transit_gateway_route_table();
            let request = request.transit_gateway_attachment_id(&*self.transit_gateway_attachment_id);
            let table = &*self.transit_gateway_route_table_id;
            Ok(request.transit_gateway_route_table_id(table).send().await?)
        };
        make(cx, associate).await?;
        let outputs = self.outputs();
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &TransitGatewayAssociationOutputs) -> Result<()> {
        let (attachment, table) = (&*outputs.transit_gateway_attachment_id, &*outputs.transit_gateway_route_table_id);
        until_ready(cx, "the association", || progress(cx, attachment, table)).await
    }

    async fn update(
        &self,
        _cx: &Cx,
        found: &Found<Self>,
        _changes: &Changes<'_>,
    ) -> Result<TransitGatewayAssociationOutputs> {
        Ok(found.outputs.clone())
    }

    async fn delete(cx: &Cx, outputs: &TransitGatewayAssociationOutputs) -> Result<()> {
        let (attachment, table) = (&*outputs.transit_gateway_attachment_id, &*outputs.transit_gateway_route_table_id);
        let disassociate = || async {
            let request = cx.ec2.disassociate_transit_gateway_route_table().transit_gateway_attachment_id(attachment);
            Ok(request.transit_gateway_route_table_id(table).send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("the attachment to take a change", disassociate).await)?;
        until_gone(cx, "the association", || progress(cx, attachment, table)).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-transitgatewayroutetableassociation.html>
    fn cloudformation(&self) -> Form {
        let TransitGatewayAssociation { transit_gateway_attachment_id, transit_gateway_route_table_id } = self;
        let association = json!({
            "TransitGatewayAttachmentId": transit_gateway_attachment_id,
            "TransitGatewayRouteTableId": transit_gateway_route_table_id,
        });
        Form::resource("AWS::EC2::TransitGatewayRouteTableAssociation", association)
            .tagged(Tagging::None)
            .output("transit_gateway_attachment_id", &**transit_gateway_attachment_id)
            .output("transit_gateway_route_table_id", &**transit_gateway_route_table_id)
    }
}

impl TransitGatewayAssociation {
    fn outputs(&self) -> TransitGatewayAssociationOutputs {
        TransitGatewayAssociationOutputs {
            transit_gateway_attachment_id: self.transit_gateway_attachment_id.clone(),
            transit_gateway_route_table_id: self.transit_gateway_route_table_id.clone(),
        }
    }
}

async fn progress(cx: &Cx, attachment: &str, table: &str) -> Result<Progress> {
    let mut all = list(cx, table).await?;
    all.retain(|one| one.transit_gateway_attachment_id() == Some(attachment));
    Ok(Progress::of(all, |one| match one.state() {
        Some(State::Associated) => Progress::Ready,
        Some(State::Disassociated) => Progress::Ended("it was disassociated".to_owned()),
        _ => Progress::Busy,
    }))
}

/// None of a route table that is gone.
async fn list(cx: &Cx, table: &str) -> Result<Vec<TransitGatewayRouteTableAssociation>> {
    let pages = cx.ec2.get_transit_gateway_route_table_associations().transit_gateway_route_table_id(table);
    let load = async { Ok(pages.into_paginator().items().send().try_collect().await?) };
    Ok(ignore_not_found(load.await)?.unwrap_or_default())
}
