//! VPC endpoints of AWS services.

use serde_json::json;

use super::NetworkParams;
use crate::modules::Scope;
use crate::modules::policy::document;
use crate::resources::ec2::{GatewayEndpoint, InterfaceEndpoint, Peer, SecurityGroup, SecurityGroupRule};
use crate::resources::ids::{PrefixListId, RouteTableId, SecurityGroupId, SubnetId, VpcId};

/// The prefix lists of the gateway endpoints.
pub(super) struct Gateways {
    pub s3: PrefixListId,
    pub dynamodb: PrefixListId,
}

/// Adds the gateway endpoints of S3 and DynamoDB. Their policies allow resources of this account only.
pub(super) fn gateways(scope: &Scope<'_>, vpc_id: &VpcId, route_table_ids: &[RouteTableId]) -> Gateways {
    let add = |service: &str, policy| {
        let endpoint = GatewayEndpoint {
            vpc_id: vpc_id.clone(),
            service_name: service_name(scope, service),
            policy,
            route_table_ids: route_table_ids.to_vec(),
        };
        scope.add(&format!("endpoint-{service}"), endpoint).prefix_list_id
    };
    let own_account = |service: &str| {
        json!({
            "Sid": "OwnAccount",
            "Effect": "Allow",
            "Principal": "*",
            "Action": format!("{service}:*"),
            "Resource": "*",
            "Condition": {"StringEquals": {
                "aws:PrincipalAccount": scope.account(),
                "aws:ResourceAccount": scope.account(),
            }},
        })
    };
    // ECR stores image layers in a bucket of Amazon's.
    // <https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html>
    let layers = scope.arn("s3", &format!("prod-{}-starport-layer-bucket/*", scope.region()));
    let image_layers = json!({
        "Sid": "ImageLayers",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": layers,
    });
    Gateways {
        s3: add("s3", document([own_account("s3"), image_layers])),
        dynamodb: add("dynamodb", document([own_account("dynamodb")])),
    }
}

/// Adds the interface endpoints, and their security group, which admits the VPC; `None` if there are no endpoints.
pub(super) fn interfaces(
    scope: &Scope<'_>,
    params: &NetworkParams,
    vpc_id: &VpcId,
    subnet_ids: &[SubnetId],
) -> Option<SecurityGroupId> {
    if params.endpoints.is_empty() {
        return None;
    }
    let name = scope.name("security-group-endpoints");
    let group = SecurityGroup::new(name, "Interface endpoints of AWS services", vpc_id);
    let group_id = scope.add("security-group-endpoints", group).security_group_id;
    let rule = SecurityGroupRule::tcp_in(&group_id, 443, Peer::Cidr(params.cidr), "HTTPS from the VPC");
    scope.add("security-group-rule-endpoints-https", rule);
    for service in &params.endpoints {
        let endpoint = InterfaceEndpoint {
            vpc_id: vpc_id.clone(),
            service_name: service_name(scope, service),
            policy: document([json!({
                "Sid": "OwnAccount",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "*",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:PrincipalAccount": scope.account()}},
            })]),
            subnet_ids: subnet_ids.to_vec(),
            security_group_ids: vec![group_id.clone()],
            private_dns: true,
        };
        scope.add(&format!("endpoint-{}", service.replace('.', "-")), endpoint);
    }
    Some(group_id)
}

fn service_name(scope: &Scope<'_>, service: &str) -> String {
    format!("com.amazonaws.{}.{service}", scope.region())
}
