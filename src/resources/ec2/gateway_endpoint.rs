use aws_sdk_ec2::types::{self, ResourceType, VpcEndpointType};

use super::calls::{difference, from_sdk, in_order_of, retry_until_consistent, tag_specification};
use super::endpoint;
use super::lists::Item;
use super::locate::locate;
use crate::resources::prelude::*;

/// A gateway endpoint: a route to S3 or DynamoDB that stays in Amazon's network and costs nothing.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewayEndpoint {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The service, for example `com.amazonaws.us-east-1.s3`.
    pub service_name: String,
    /// The endpoint policy; [`Document::default`] for AWS's own, which allows everything.
    pub policy: Document,
    /// The route tables that get the route.
    pub route_table_ids: Vec<RouteTableId>,
}

/// The outputs of a gateway endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewayEndpointOutputs {
    /// The endpoint.
    pub vpc_endpoint_id: VpcEndpointId,
    /// The service's addresses, for rules of security groups.
    pub prefix_list_id: PrefixListId,
}

impl GatewayEndpoint {
    /// An endpoint with AWS's own policy.
    pub fn new(vpc_id: &VpcId, service_name: impl Into<String>, route_table_ids: Vec<RouteTableId>) -> Self {
        let (vpc_id, service_name) = (vpc_id.clone(), service_name.into());
        GatewayEndpoint { vpc_id, service_name, policy: Document::default(), route_table_ids }
    }
}

impl Resource for GatewayEndpoint {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["vpc_id", "service_name"],
        blocks_deletion_of: &["ec2.vpc"],
        ..TypeInfo::new(
            "ec2.gateway_endpoint",
            seconds(10),
            &[
                "ec2:DescribeVpcEndpoints",
                "ec2:DescribePrefixLists",
                "ec2:CreateVpcEndpoint",
                "ec2:ModifyVpcEndpoint",
                "ec2:DeleteVpcEndpoints",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = GatewayEndpointOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&GatewayEndpointOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.vpc_endpoint_id);
        let Some(endpoint) = locate::<types::VpcEndpoint>(cx, known).await? else { return Ok(None) };
        let route_tables = endpoint.route_table_ids().iter().map(Into::into).collect();
        let spec = GatewayEndpoint {
            vpc_id: endpoint.vpc_id().unwrap_or_default().into(),
            service_name: endpoint.service_name().unwrap_or_default().to_owned(),
            policy: endpoint::policy(&endpoint, &self.policy)?,
            route_table_ids: in_order_of(&self.route_table_ids, route_tables),
        };
        let outputs = spec.outputs(cx, endpoint.id()).await?;
        Ok(Some(Found::tagged(spec, outputs, from_sdk(endpoint.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<GatewayEndpointOutputs> {
        let create = || async {
            let request = cx.ec2.create_vpc_endpoint().client_token(&cx.token).vpc_id(&*self.vpc_id);
            let request = request.vpc_endpoint_type(VpcEndpointType::Gateway).service_name(&self.service_name);
            let request = request.policy_document(endpoint::policy_text(&self.policy));
            let request = request.set_route_table_ids(difference(&self.route_table_ids, &[]));
            Ok(request.tag_specifications(tag_specification(cx, ResourceType::VpcEndpoint)).send().await?)
        };
        let endpoint = retry_until_consistent(cx, create).await?.vpc_endpoint;
        let id = endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateVpcEndpoint", "VpcEndpointId"))?;
        endpoint::until_ready(cx, &id).await?;
        self.outputs(cx, &id).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<GatewayEndpointOutputs> {
        let id = &*found.outputs.vpc_endpoint_id;
        let (new, old) = (&self.route_table_ids, &found.spec.route_table_ids);
        let modify = || async {
            let request = cx.ec2.modify_vpc_endpoint().vpc_endpoint_id(id);
            let request = request.set_add_route_table_ids(difference(new, old));
            let request = request.set_remove_route_table_ids(difference(old, new));
            let policy = changes.has("policy").then(|| endpoint::policy_text(&self.policy));
            Ok(request.set_policy_document(policy).send().await?)
        };
        retry_until_consistent(cx, modify).await?;
        endpoint::until_ready(cx, id).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &GatewayEndpointOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.vpc_endpoint_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &GatewayEndpointOutputs) -> Result<()> {
        endpoint::delete(cx, &outputs.vpc_endpoint_id).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcendpoint.html>
    fn cloudformation(&self) -> Form {
        let endpoint = properties!(self, GatewayEndpoint {
            "VpcEndpointType": "Gateway",
            vpc_id => "VpcId",
            service_name => "ServiceName",
            policy => "PolicyDocument",
            route_table_ids => "RouteTableIds",
        });
        // It has no attribute for the prefix list.
        Form::resource("AWS::EC2::VPCEndpoint", endpoint).output("vpc_endpoint_id", Form::reference())
    }
}

impl GatewayEndpoint {
    async fn outputs(&self, cx: &Cx, id: &str) -> Result<GatewayEndpointOutputs> {
        let load = async {
            let lists = cx.ec2.describe_prefix_lists().into_paginator().items().send().try_collect().await?;
            Ok(lists)
        };
        let lists = cx.inventory.once("ec2.prefix-lists", load).await?;
        let list = lists.iter().find(|list| list.prefix_list_name() == Some(&self.service_name));
        let list = list.and_then(|list| list.prefix_list_id());
        let list = list.ok_or_else(|| Error::local(format!("AWS has no prefix list of {}", self.service_name)))?;
        Ok(GatewayEndpointOutputs { vpc_endpoint_id: id.into(), prefix_list_id: list.into() })
    }
}
