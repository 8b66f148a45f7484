use aws_sdk_ec2::types::{self, Filter, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blockers::{Held, delete_when_free};
use super::{all_ours, filter, from_sdk, is_known, item, locate, make, tag_specification};
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::{RouteTableId, VpcId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A route table. Its routes and the subnets that use it are resources of their own.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTable {
    /// The VPC.
    pub vpc_id: VpcId,
}

/// What a route table gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTableOutputs {
    /// The route table.
    pub route_table_id: RouteTableId,
}

item!(types::RouteTable, route_table_id);

impl Resource for RouteTable {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["vpc_id"],
        blocks_deletion_of: &["ec2.vpc"],
        ..TypeInfo::new(
            "ec2.route_table",
            seconds(2),
            &[
                "ec2:DescribeRouteTables",
                "ec2:DescribeSubnets",
                "ec2:CreateRouteTable",
                "ec2:DeleteRouteTable",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = RouteTableOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&RouteTableOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.route_table_id);
        let table = locate(cx, "route-table-id", known, |filters| list(cx, filters)).await?;
        let Some(table) = table else { return Ok(None) };
        let spec = RouteTable { vpc_id: table.vpc_id().unwrap_or_default().into() };
        let id = table.route_table_id().unwrap_or_default();
        Ok(Some(Found::tagged(spec, RouteTableOutputs { route_table_id: id.into() }, from_sdk(table.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<RouteTableOutputs> {
        let create = || async {
            let request = cx.ec2.create_route_table().client_token(&cx.token).vpc_id(&*self.vpc_id);
            Ok(request.tag_specifications(tag_specification(cx, ResourceType::RouteTable)).send().await?)
        };
        let id = make(cx, create).await?.route_table.and_then(|table| table.route_table_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateRouteTable", "RouteTableId"))?;
        Ok(RouteTableOutputs { route_table_id: id.into() })
    }

    async fn update(&self, _cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<RouteTableOutputs> {
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &RouteTableOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.route_table_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &RouteTableOutputs) -> Result<()> {
        let id = &*outputs.route_table_id;
        let delete = || async { Ok(cx.ec2.delete_route_table().route_table_id(id).send().await.map(|_| ())?) };
        delete_when_free(cx, Held::RouteTable(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-routetable.html>
    fn cloudformation(&self) -> Form {
        let RouteTable { vpc_id } = self;
        Form::of("AWS::EC2::RouteTable", json!({"VpcId": vpc_id})).gives("route_table_id", Form::this())
    }
}

/// The route table with this id, `None` if there is none or the id is a reference to what doesn't stand.
pub(super) async fn find(cx: &Cx, id: &str) -> Result<Option<types::RouteTable>> {
    if !is_known(id) {
        return Ok(None);
    }
    locate(cx, "route-table-id", Some(id), |filters| list(cx, filters)).await
}

/// The route table that a subnet is associated with, and the association; `None` if there is none, or the id is a
/// reference to what doesn't stand.
pub(super) async fn of_subnet(cx: &Cx, subnet_id: &str) -> Result<Option<types::RouteTableAssociation>> {
    if !is_known(subnet_id) {
        return Ok(None);
    }
    let association = |tables: &[types::RouteTable]| {
        let mut all = tables.iter().flat_map(|table| table.associations());
        all.find(|association| association.subnet_id() == Some(subnet_id)).cloned()
    };
    let ours = all_ours(cx, "route-table-id", |filters| list(cx, filters)).await?;
    match association(&ours) {
        Some(found) => Ok(Some(found)),
        // Somebody may have moved it to a table that isn't ours.
        None => Ok(association(&list(cx, vec![filter("association.subnet-id", [subnet_id])]).await?)),
    }
}

pub(super) async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::RouteTable>> {
    Ok(cx.ec2.describe_route_tables().set_filters(Some(filters)).into_paginator().items().send().try_collect().await?)
}
