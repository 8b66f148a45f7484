//! Links between attachments and route tables of a transit gateway: associations and propagations. Their APIs differ only in
//! names.

use aws_sdk_ec2::types::{
    self, TransitGatewayAssociationState as AssociationState, TransitGatewayPropagationState as PropagationState,
};

use super::calls::retry_until_consistent;
use super::locate::is_known;
use super::progress::{Progress, until_gone, until_ready};
use crate::resources::prelude::*;

/// The names in the API of one type of link.
macro_rules! link {
    (
        $(#[$doc:meta])*
        $link:ident, $outputs:ident, $kind:literal, $what:literal, $typical:expr, $actions:expr, $template:literal;
        list: $list:ident -> $listed:ident;
        create: $create:ident;
        delete: $delete:ident;
        states: $state:ident, $ready:ident, $ending:ident, $ended:ident;
    ) => {
        $(#[$doc])*
        /// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-route-tables.html>
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $link {
            /// The attachment.
            pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
            /// The route table of the transit gateway.
            pub transit_gateway_route_table_id: TransitGatewayRouteTableId,
        }

        #[doc = concat!("The identity of ", $what, ".")]
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $outputs {
            /// The attachment.
            pub transit_gateway_attachment_id: TransitGatewayAttachmentId,
            /// The route table of the transit gateway.
            pub transit_gateway_route_table_id: TransitGatewayRouteTableId,
        }

        impl Resource for $link {
            const TYPE: TypeInfo = TypeInfo {
                force_new: &["transit_gateway_attachment_id", "transit_gateway_route_table_id"],
                ..TypeInfo::new($kind, $typical, &$actions)
            };

            type Outputs = $outputs;

            async fn observe(&self, cx: &Cx, known: Option<&$outputs>) -> Result<Option<Found<Self>>> {
                for outputs in known.into_iter().chain([&self.outputs()]) {
                    let $outputs { transit_gateway_attachment_id: attachment, transit_gateway_route_table_id: table } =
                        outputs;
                    if !is_known(table) {
                        continue;
                    }
                    // One call for all attachments of a route table.
                    let all = cx.inventory.once(format!("{}.{table}", $kind), Self::list(cx, table)).await?;
                    let this = all.iter().find(|one| one.transit_gateway_attachment_id() == Some(attachment));
                    if this.is_some_and(|one| !matches!(one.state(), Some($state::$ending | $state::$ended))) {
                        let spec = $link {
                            transit_gateway_attachment_id: attachment.clone(),
                            transit_gateway_route_table_id: table.clone(),
                        };
                        return Ok(Some(Found::child(spec, outputs.clone())));
                    }
                }
                Ok(None)
            }

            async fn create(&self, cx: &Cx) -> Result<$outputs> {
                let create = || async {
                    let request = cx.ec2.$create().transit_gateway_attachment_id(&*self.transit_gateway_attachment_id);
                    let table = &*self.transit_gateway_route_table_id;
                    Ok(request.transit_gateway_route_table_id(table).send().await?)
                };
                retry_until_consistent(cx, create).await?;
                let outputs = self.outputs();
                self.until_ready(cx, &outputs).await?;
                Ok(outputs)
            }

            async fn until_ready(&self, cx: &Cx, outputs: &$outputs) -> Result<()> {
                until_ready(cx, $what, || Self::progress(cx, outputs)).await
            }

            async fn delete(cx: &Cx, outputs: &$outputs) -> Result<()> {
                let delete = || async {
                    let request = cx.ec2.$delete();
                    let request = request.transit_gateway_attachment_id(&*outputs.transit_gateway_attachment_id);
                    let table = &*outputs.transit_gateway_route_table_id;
                    Ok(request.transit_gateway_route_table_id(table).send().await.map(|_| ())?)
                };
                let what = "EC2 to accept another change of the attachment";
                ignore_not_found(cx.retry_while_retryable(what, delete).await)?;
                until_gone(cx, $what, || Self::progress(cx, outputs)).await
            }

            fn cloudformation(&self) -> Form {
                let link = properties!(self, $link {
                    transit_gateway_attachment_id => "TransitGatewayAttachmentId",
                    transit_gateway_route_table_id => "TransitGatewayRouteTableId"
                });
                Form::resource($template, link)
                    .tagged(Tagging::None)
                    .output("transit_gateway_attachment_id", &*self.transit_gateway_attachment_id)
                    .output("transit_gateway_route_table_id", &*self.transit_gateway_route_table_id)
            }
        }

        impl $link {
            fn outputs(&self) -> $outputs {
                $outputs {
                    transit_gateway_attachment_id: self.transit_gateway_attachment_id.clone(),
                    transit_gateway_route_table_id: self.transit_gateway_route_table_id.clone(),
                }
            }

            async fn progress(cx: &Cx, outputs: &$outputs) -> Result<Progress> {
                let mut all = Self::list(cx, &outputs.transit_gateway_route_table_id).await?;
                let attachment = &*outputs.transit_gateway_attachment_id;
                all.retain(|one| one.transit_gateway_attachment_id() == Some(attachment));
                Ok(Progress::of(all, |one| match one.state() {
                    Some($state::$ready) => Progress::Ready,
                    Some($state::$ended) => Progress::Ended("it was deleted".to_owned()),
                    _ => Progress::Pending,
                }))
            }

            /// The links of a route table; none if it doesn't exist.
            async fn list(cx: &Cx, table: &str) -> Result<Vec<types::$listed>> {
                let pages = cx.ec2.$list().transit_gateway_route_table_id(table).into_paginator();
                let load = async { Ok(pages.items().send().try_collect().await?) };
                Ok(ignore_not_found(load.await)?.unwrap_or_default())
            }
        }
    };
}

link! {
    /// The association of an attachment with a route table: the attachment's traffic is routed by that table. An attachment can
    /// have one.
    TransitGatewayAssociation, TransitGatewayAssociationOutputs, "ec2.transit_gateway_association", "the association",
    minutes(1),
    [
        "ec2:GetTransitGatewayRouteTableAssociations",
        "ec2:AssociateTransitGatewayRouteTable",
        "ec2:DisassociateTransitGatewayRouteTable",
    ],
    "AWS::EC2::TransitGatewayRouteTableAssociation";
    list: get_transit_gateway_route_table_associations -> TransitGatewayRouteTableAssociation;
    create: associate_transit_gateway_route_table;
    delete: disassociate_transit_gateway_route_table;
    states: AssociationState, Associated, Disassociating, Disassociated;
}

link! {
    /// The propagation of an attachment to a route table: the table gets routes to the attachment's VPC.
    TransitGatewayPropagation, TransitGatewayPropagationOutputs, "ec2.transit_gateway_propagation", "the propagation",
    seconds(30),
    [
        "ec2:GetTransitGatewayRouteTablePropagations",
        "ec2:EnableTransitGatewayRouteTablePropagation",
        "ec2:DisableTransitGatewayRouteTablePropagation",
    ],
    "AWS::EC2::TransitGatewayRouteTablePropagation";
    list: get_transit_gateway_route_table_propagations -> TransitGatewayRouteTablePropagation;
    create: enable_transit_gateway_route_table_propagation;
    delete: disable_transit_gateway_route_table_propagation;
    states: PropagationState, Enabled, Disabling, Disabled;
}
