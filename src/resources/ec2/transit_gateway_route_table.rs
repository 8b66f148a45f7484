use aws_sdk_ec2::types::{self, ResourceType, TransitGatewayRouteTableState as State};

use super::blockers::{Blocked, delete_unblocked};
use super::calls::{from_sdk, retry_until_consistent, tag_specification, without_retries};
use super::lists::{Item, filter};
use super::locate::locate;
use super::progress::{Progress, until_gone, until_ready};
use crate::resources::prelude::*;

/// A route table of a transit gateway. Associations with it and propagations to it are resources of their own.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-route-tables.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayRouteTable {
    /// The transit gateway.
    pub transit_gateway_id: TransitGatewayId,
}

/// The outputs of a transit gateway's route table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitGatewayRouteTableOutputs {
    /// The route table of the transit gateway.
    pub transit_gateway_route_table_id: TransitGatewayRouteTableId,
}

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
        let Some(table) = locate::<types::TransitGatewayRouteTable>(cx, known).await? else { return Ok(None) };
        let spec =
            TransitGatewayRouteTable { transit_gateway_id: table.transit_gateway_id().unwrap_or_default().into() };
        let outputs = TransitGatewayRouteTableOutputs { transit_gateway_route_table_id: table.id().into() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(table.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<TransitGatewayRouteTableOutputs> {
        let create = || async {
            let request = cx.ec2.create_transit_gateway_route_table().transit_gateway_id(&*self.transit_gateway_id);
            let tags = tag_specification(cx, ResourceType::TransitGatewayRouteTable);
            Ok(request.tag_specifications(tags).customize().config_override(without_retries()).send().await?)
        };
        let table = retry_until_consistent(cx, create).await?.transit_gateway_route_table;
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

    async fn tag(cx: &Cx, outputs: &TransitGatewayRouteTableOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.transit_gateway_route_table_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &TransitGatewayRouteTableOutputs) -> Result<()> {
        let id = &*outputs.transit_gateway_route_table_id;
        let delete = || async {
            let request = cx.ec2.delete_transit_gateway_route_table().transit_gateway_route_table_id(id);
            Ok(request.send().await.map(|_| ())?)
        };
        delete_unblocked(cx, Blocked::TransitGatewayRouteTable(id), delete).await?;
        until_gone(cx, "the transit gateway's route table", || progress(cx, id)).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-transitgatewayroutetable.html>
    fn cloudformation(&self) -> Form {
        let table = properties!(self, TransitGatewayRouteTable { transit_gateway_id => "TransitGatewayId" });
        let form = Form::resource("AWS::EC2::TransitGatewayRouteTable", table);
        form.output("transit_gateway_route_table_id", Form::reference())
    }
}

async fn progress(cx: &Cx, id: &str) -> Result<Progress> {
    let filters = vec![filter("transit-gateway-route-table-id", [id])];
    let tables = types::TransitGatewayRouteTable::list(cx, filters).await?;
    Ok(Progress::of(tables, |table| match table.state() {
        Some(State::Available) => Progress::Ready,
        Some(State::Deleted) => Progress::Ended("it was deleted".to_owned()),
        _ => Progress::Pending,
    }))
}
