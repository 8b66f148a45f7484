use aws_sdk_ec2::types::{self, Filter, ResourceType, TransitGatewayRouteTableState as State};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blockers::{Held, delete_when_free};
use super::progress::{Progress, until_gone, until_ready};
use super::{filter, from_sdk, item, locate, make, sent_once, tag_specification};
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::{TransitGatewayId, TransitGatewayRouteTableId};
use crate::resources::{Changes, Found, Resource, TypeInfo, minutes};

/// A route table of a transit gateway: attachments are associated with it (they use it) and propagate to it (it leads to
/// them); both are resources of their own.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-route-tables.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayRouteTable {
    /// The transit gateway.
    pub transit_gateway_id: TransitGatewayId,
}

/// What a transit gateway's route table gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayRouteTableOutputs {
    /// The route table of the transit gateway.
    pub transit_gateway_route_table_id: TransitGatewayRouteTableId,
}

item!(types::TransitGatewayRouteTable, transit_gateway_route_table_id);

impl Resource for TransitGatewayRouteTable {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["transit_gateway_id"],
        blocks_deletion_of: &["ec2.transit_gateway"],
        ..TypeInfo::new(
            "ec2.transit_gateway_route_table",
            minutes(1),
            &[
                "ec2:DescribeTransitGatewayRouteTables",
                "ec2:DescribeTransitGatewayAttachments",
                "ec2:CreateTransitGatewayRouteTable",
                "ec2:DeleteTransitGatewayRouteTable",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = TransitGatewayRouteTableOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TransitGatewayRouteTableOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.transit_gateway_route_table_id);
        let table = locate(cx, "transit-gateway-route-table-id", known, |filters| standing(cx, filters)).await?;
        let Some(table) = table else { return Ok(None) };
        let spec =
            TransitGatewayRouteTable { transit_gateway_id: table.transit_gateway_id().unwrap_or_default().into() };
        let id = table.transit_gateway_route_table_id().unwrap_or_default();
        let outputs = TransitGatewayRouteTableOutputs { transit_gateway_route_table_id: id.into() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(table.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<TransitGatewayRouteTableOutputs> {
        let create = || async {
            let request = cx.ec2.create_transit_gateway_route_table().transit_gateway_id(&*self.transit_gateway_id);
            let tags = tag_specification(cx, ResourceType::TransitGatewayRouteTable);
            Ok(request.tag_specifications(tags).customize().config_override(sent_once()).send().await?)
        };
        let table = make(cx, create).await?.transit_gateway_route_table;
        let id = table.and_then(|table| table.transit_gateway_route_table_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateTransitGatewayRouteTable", "TransitGatewayRouteTableId"))?;
        let outputs = TransitGatewayRouteTableOutputs { transit_gateway_route_table_id: id.into() };
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &TransitGatewayRouteTableOutputs) -> Result<()> {
        let id = &*outputs.transit_gateway_route_table_id;
        until_ready(cx, "the transit gateway's route table", || progress(cx, id)).await
    }

    async fn update(
        &self,
        _cx: &Cx,
        found: &Found<Self>,
        _changes: &Changes<'_>,
    ) -> Result<TransitGatewayRouteTableOutputs> {
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &TransitGatewayRouteTableOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.transit_gateway_route_table_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &TransitGatewayRouteTableOutputs) -> Result<()> {
        let id = &*outputs.transit_gateway_route_table_id;
        let delete = || async {
            let request = cx.ec2.delete_transit_gateway_route_table().transit_gateway_route_table_id(id);
            Ok(request.send().await.map(|_| ())?)
        };
        delete_when_free(cx, Held::TransitGatewayRouteTable(id), delete).await?;
        until_gone(cx, "the transit gateway's route table", || progress(cx, id)).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-transitgatewayroutetable.html>
    fn cloudformation(&self) -> Form {
        let TransitGatewayRouteTable { transit_gateway_id } = self;
        let form = Form::of("AWS::EC2::TransitGatewayRouteTable", json!({"TransitGatewayId": transit_gateway_id}));
        form.gives("transit_gateway_route_table_id", Form::this())
    }
}

/// AWS lists deleted ones for a while.
async fn standing(cx: &Cx, mut filters: Vec<Filter>) -> Result<Vec<types::TransitGatewayRouteTable>> {
    filters.push(filter("state", ["pending", "available"]));
    list(cx, filters).await
}

async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::TransitGatewayRouteTable>> {
    let pages = cx.ec2.describe_transit_gateway_route_tables().set_filters(Some(filters)).into_paginator();
    Ok(pages.items().send().try_collect().await?)
}

async fn progress(cx: &Cx, id: &str) -> Result<Progress> {
    let tables = list(cx, vec![filter("transit-gateway-route-table-id", [id])]).await?;
    Ok(Progress::of(tables, |table| match table.state() {
        Some(State::Available) => Progress::Ready,
        Some(State::Deleted) => Progress::Ended("it was deleted".to_owned()),
        _ => Progress::Busy,
    }))
}
