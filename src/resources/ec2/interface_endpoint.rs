use aws_sdk_ec2::types::{self, ResourceType, VpcEndpointType};

use super::calls::{difference, from_sdk, in_order_of, retry_until_consistent, tag_specification};
use super::endpoint;
use super::lists::Item;
use super::locate::locate;
use crate::resources::prelude::*;

/// An interface endpoint: private addresses in the VPC for an AWS service.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InterfaceEndpoint {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The service, for example `com.amazonaws.us-east-1.secretsmanager`.
    pub service_name: String,
    /// The endpoint policy; [`Document::default`] for AWS's own, which allows everything.
    pub policy: Document,
    /// The subnets in which it has an address, one for each zone.
    pub subnet_ids: Vec<SubnetId>,
    /// Its security groups, at least one.
    pub security_group_ids: Vec<SecurityGroupId>,
    /// Resolve the public DNS name of the service to the endpoint. The VPC must have DNS support and DNS host names.
    pub private_dns: bool,
}

/// The outputs of an interface endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InterfaceEndpointOutputs {
    /// The endpoint.
    pub vpc_endpoint_id: VpcEndpointId,
}

impl InterfaceEndpoint {
    /// An endpoint with AWS's defaults: its own policy, private DNS.
    pub fn new(
        vpc_id: &VpcId,
        service_name: impl Into<String>,
        subnet_ids: Vec<SubnetId>,
        security_group_ids: Vec<SecurityGroupId>,
    ) -> Self {
        let (vpc_id, service_name, policy) = (vpc_id.clone(), service_name.into(), Document::default());
        InterfaceEndpoint { vpc_id, service_name, policy, subnet_ids, security_group_ids, private_dns: true }
    }
}

impl Resource for InterfaceEndpoint {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["vpc_id", "service_name"],
        blocks_deletion_of: &["ec2.security_group", "ec2.subnet", "ec2.vpc"],
        ..TypeInfo::new(
            "ec2.interface_endpoint",
            minutes(2),
            &[
                "ec2:DescribeVpcEndpoints",
                "ec2:CreateVpcEndpoint",
                "ec2:ModifyVpcEndpoint",
                "ec2:DeleteVpcEndpoints",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "route53:AssociateVPCWithHostedZone",
            ],
        )
    };

    type Outputs = InterfaceEndpointOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&InterfaceEndpointOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.vpc_endpoint_id);
        let Some(endpoint) = locate::<types::VpcEndpoint>(cx, known).await? else { return Ok(None) };
        let groups = endpoint.groups().iter().filter_map(|group| group.group_id());
        let spec = InterfaceEndpoint {
            vpc_id: endpoint.vpc_id().unwrap_or_default().into(),
            service_name: endpoint.service_name().unwrap_or_default().to_owned(),
            policy: endpoint::policy(&endpoint, &self.policy)?,
            subnet_ids: in_order_of(&self.subnet_ids, endpoint.subnet_ids().iter().map(Into::into).collect()),
            security_group_ids: in_order_of(&self.security_group_ids, groups.map(Into::into).collect()),
            private_dns: endpoint.private_dns_enabled.unwrap_or(false),
        };
        let outputs = InterfaceEndpointOutputs { vpc_endpoint_id: endpoint.id().into() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(endpoint.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<InterfaceEndpointOutputs> {
        let create = || async {
            let request = cx.ec2.create_vpc_endpoint().client_token(&cx.token).vpc_id(&*self.vpc_id);
            let request = request.vpc_endpoint_type(VpcEndpointType::Interface).service_name(&self.service_name);
            let request = request.policy_document(endpoint::policy_text(&self.policy));
            let request = request.private_dns_enabled(self.private_dns);
            let request = request.set_subnet_ids(difference(&self.subnet_ids, &[]));
            let request = request.set_security_group_ids(difference(&self.security_group_ids, &[]));
            Ok(request.tag_specifications(tag_specification(cx, ResourceType::VpcEndpoint)).send().await?)
        };
        let endpoint = retry_until_consistent(cx, create).await?.vpc_endpoint;
        let id = endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateVpcEndpoint", "VpcEndpointId"))?;
        let outputs = InterfaceEndpointOutputs { vpc_endpoint_id: id.into() };
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &InterfaceEndpointOutputs) -> Result<()> {
        endpoint::until_ready(cx, &outputs.vpc_endpoint_id).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<InterfaceEndpointOutputs> {
        let id = &*found.outputs.vpc_endpoint_id;
        let (subnets, old_subnets) = (&self.subnet_ids, &found.spec.subnet_ids);
        let (groups, old_groups) = (&self.security_group_ids, &found.spec.security_group_ids);
        let modify = || async {
            let request = cx.ec2.modify_vpc_endpoint().vpc_endpoint_id(id);
            let request = request.set_add_subnet_ids(difference(subnets, old_subnets));
            let request = request.set_remove_subnet_ids(difference(old_subnets, subnets));
            let request = request.set_add_security_group_ids(difference(groups, old_groups));
            let request = request.set_remove_security_group_ids(difference(old_groups, groups));
            let private_dns = changes.has("private_dns").then_some(self.private_dns);
            let request = request.set_private_dns_enabled(private_dns);
            let policy = changes.has("policy").then(|| endpoint::policy_text(&self.policy));
            Ok(request.set_policy_document(policy).send().await?)
        };
        retry_until_consistent(cx, modify).await?;
        endpoint::until_ready(cx, id).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &InterfaceEndpointOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.vpc_endpoint_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &InterfaceEndpointOutputs) -> Result<()> {
        endpoint::delete(cx, &outputs.vpc_endpoint_id).await
    }

    fn hourly_charge(&self) -> Option<String> {
        let zones = self.subnet_ids.len();
        Some(format!("interface endpoint in {zones} zones, about $0.01/h each plus data"))
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcendpoint.html>
    fn cloudformation(&self) -> Form {
        let endpoint = properties!(self, InterfaceEndpoint {
            "VpcEndpointType": "Interface",
            vpc_id => "VpcId",
            service_name => "ServiceName",
            policy => "PolicyDocument",
            subnet_ids => "SubnetIds",
            security_group_ids => "SecurityGroupIds",
            private_dns => "PrivateDnsEnabled",
        });
        Form::resource("AWS::EC2::VPCEndpoint", endpoint).output("vpc_endpoint_id", Form::reference())
    }
}
