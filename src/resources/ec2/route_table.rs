use aws_sdk_ec2::types::{self, ResourceType};

use super::blockers::{Blocked, delete_unblocked};
use super::calls::{from_sdk, retry_until_consistent, tag_specification};
use super::lists::{Item, filter};
use super::locate::{is_known, locate, owned};
use crate::resources::prelude::*;

/// A route table. Its routes and the associations of subnets with it are resources of their own.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTable {
    /// The VPC.
    pub vpc_id: VpcId,
}

/// The outputs of a route table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTableOutputs {
    /// The route table.
    pub route_table_id: RouteTableId,
}

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
        let Some(table) = locate::<types::RouteTable>(cx, known).await? else { return Ok(None) };
        let spec = RouteTable { vpc_id: table.vpc_id().unwrap_or_default().into() };
        let outputs = RouteTableOutputs { route_table_id: table.id().into() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(table.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<RouteTableOutputs> {
        let create = || async {
            let request = cx.ec2.create_route_table().client_token(&cx.token).vpc_id(&*self.vpc_id);
            Ok(request.tag_specifications(tag_specification(cx, ResourceType::RouteTable)).send().await?)
        };
        let table = retry_until_consistent(cx, create).await?.route_table;
        let id = table.and_then(|table| table.route_table_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateRouteTable", "RouteTableId"))?;
        Ok(RouteTableOutputs { route_table_id: id.into() })
    }

    async fn tag(cx: &Cx, outputs: &RouteTableOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.route_table_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &RouteTableOutputs) -> Result<()> {
        let id = &*outputs.route_table_id;
        let delete = || async { Ok(cx.ec2.delete_route_table().route_table_id(id).send().await.map(|_| ())?) };
        delete_unblocked(cx, Blocked::RouteTable(id), delete).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-routetable.html>
    fn cloudformation(&self) -> Form {
        let table = properties!(self, RouteTable { vpc_id => "VpcId" });
        Form::resource("AWS::EC2::RouteTable", table).output("route_table_id", Form::reference())
    }
}

/// The route table with this id; `None` if it doesn't exist, or if the id is a reference to one that doesn't exist yet.
pub(super) async fn find(cx: &Cx, id: &str) -> Result<Option<types::RouteTable>> {
    if is_known(id) { locate(cx, Some(id)).await } else { Ok(None) }
}

/// The association of a subnet with a route table; `None` if it has none, or if the id is a reference to a subnet that doesn't
/// exist yet.
pub(super) async fn of_subnet(cx: &Cx, subnet_id: &str) -> Result<Option<types::RouteTableAssociation>> {
    if !is_known(subnet_id) {
        return Ok(None);
    }
    let association = |tables: &[types::RouteTable]| {
        let mut all = tables.iter().flat_map(|table| table.associations());
        all.find(|association| association.subnet_id() == Some(subnet_id)).cloned()
    };
    match association(&owned::<types::RouteTable>(cx).await?) {
        Some(found) => Ok(Some(found)),
        // The subnet may use a route table of another owner.
        None => {
            let filters = vec![filter("association.subnet-id", [subnet_id])];
            Ok(association(&types::RouteTable::list(cx, filters).await?))
        }
    }
}
