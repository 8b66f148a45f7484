use aws_sdk_ec2::types::{RouteTableAssociationState, RouteTableAssociationStateCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{make, route_table};
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::{Form, Tagging};
use crate::resources::ids::{RouteTableId, SubnetId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// Makes a subnet use a route table instead of the VPC's main one.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubnetRouteTableAssociation {
    /// The subnet. It can have one.
    pub subnet_id: SubnetId,
    /// The route table.
    pub route_table_id: RouteTableId,
}

/// What finds an association again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubnetRouteTableAssociationOutputs {
    /// `rtbassoc-…`
    pub association_id: String,
    /// The subnet.
    pub subnet_id: SubnetId,
}

impl Resource for SubnetRouteTableAssociation {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["subnet_id"],
        blocks_deletion_of: &["ec2.route_table"],
        ..TypeInfo::new(
            "ec2.subnet_route_table_association",
            seconds(2),
            &[
                "ec2:DescribeRouteTables",
                "ec2:AssociateRouteTable",
                "ec2:ReplaceRouteTableAssociation",
                "ec2:DisassociateRouteTable",
            ],
        )
    };

    type Outputs = SubnetRouteTableAssociationOutputs;

    async fn observe(
        &self,
        cx: &Cx,
        known: Option<&SubnetRouteTableAssociationOutputs>,
    ) -> Result<Option<Found<Self>>> {
        for subnet_id in known.map(|known| &known.subnet_id).into_iter().chain([&self.subnet_id]) {
            let Some(association) = route_table::of_subnet(cx, subnet_id).await? else { continue };
            let route_table_id = association.route_table_id().unwrap_or_default().into();
            let outputs = SubnetRouteTableAssociationOutputs {
                association_id: association.route_table_association_id.unwrap_or_default(),
                subnet_id: subnet_id.clone(),
            };
            let spec = SubnetRouteTableAssociation { subnet_id: subnet_id.clone(), route_table_id };
            return Ok(Some(Found::child(spec, outputs)));
        }
        Ok(None)
    }

    async fn create(&self, cx: &Cx) -> Result<SubnetRouteTableAssociationOutputs> {
        let associate = || async {
            let request = cx.ec2.associate_route_table().subnet_id(&*self.subnet_id);
            Ok(request.route_table_id(&*self.route_table_id).send().await?)
        };
        let answer = make(cx, associate).await?;
        let id = answer.association_id.ok_or(Error::incomplete("ec2:AssociateRouteTable", "AssociationId"))?;
        self.until_associated(cx, id, answer.association_state.as_ref()).await
    }

    async fn update(
        &self,
        cx: &Cx,
        found: &Found<Self>,
        _changes: &Changes<'_>,
    ) -> Result<SubnetRouteTableAssociationOutputs> {
        let replace = || async {
            let request = cx.ec2.replace_route_table_association().association_id(&found.outputs.association_id);
            match request.route_table_id(&*self.route_table_id).send().await.map_err(Error::from) {
                // It has been replaced, and the answer that said by which was lost.
                Err(error) if error.is_not_found() => self.standing(&cx.uncached()).await?.ok_or(error),
                answer => {
                    let answer = answer?;
                    let id = answer.new_association_id;
                    let id = id.ok_or(Error::incomplete("ec2:ReplaceRouteTableAssociation", "NewAssociationId"))?;
                    Ok((id, answer.association_state))
                }
            }
        };
        let (id, state) = make(cx, replace).await?;
        self.until_associated(cx, id, state.as_ref()).await
    }

    async fn delete(cx: &Cx, outputs: &SubnetRouteTableAssociationOutputs) -> Result<()> {
        let request = cx.ec2.disassociate_route_table().association_id(&outputs.association_id);
        let delete = async { Ok(request.send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnetroutetableassociation.html>
    fn cloudformation(&self) -> Form {
        let SubnetRouteTableAssociation { subnet_id, route_table_id } = self;
        let association = json!({"SubnetId": subnet_id, "RouteTableId": route_table_id});
        let form = Form::resource("AWS::EC2::SubnetRouteTableAssociation", association).tagged(Tagging::None);
        form.output("association_id", Form::reference()).output("subnet_id", &**subnet_id)
    }
}

impl SubnetRouteTableAssociation {
    /// The subnet's association and its state, if it is with the wanted route table.
    async fn standing(&self, cx: &Cx) -> Result<Option<(String, Option<RouteTableAssociationState>)>> {
        let association = route_table::of_subnet(cx, &self.subnet_id).await?;
        let wanted = association.filter(|one| one.route_table_id() == Some(&*self.route_table_id));
        Ok(wanted.map(|one| (one.route_table_association_id.unwrap_or_default(), one.association_state)))
    }

    /// Most often AWS has done it by the time of its answer.
    async fn until_associated(
        &self,
        cx: &Cx,
        association_id: String,
        state: Option<&RouteTableAssociationState>,
    ) -> Result<SubnetRouteTableAssociationOutputs> {
        if state.and_then(|state| state.state()) == Some(&RouteTableAssociationStateCode::Associating) {
            cx.wait_until("the subnet to use its route table", Patience::SHORT, || async {
                let tables = cx.ec2.describe_route_tables().route_table_ids(&*self.route_table_id).send().await?;
                let mut all = tables.route_tables().iter().flat_map(|table| table.associations());
                let this = all.find(|one| one.route_table_association_id() == Some(&association_id));
                let state = this.and_then(|one| one.association_state()?.state());
                Ok((state == Some(&RouteTableAssociationStateCode::Associated)).then_some(()))
            })
            .await?;
        }
        Ok(SubnetRouteTableAssociationOutputs { association_id, subnet_id: self.subnet_id.clone() })
    }
}
