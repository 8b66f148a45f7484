//! Ways to AWS services that don't leave Amazon's network.

use serde_json::json;

use super::NetworkParams;
use crate::modules::Scope;
use crate::resources::document::Document;
use crate::resources::ec2::{GatewayEndpoint, InterfaceEndpoint, Peer, SecurityGroup, SecurityGroupRule};
use crate::resources::ids::{PrefixListId, RouteTableId, SecurityGroupId, SubnetId, VpcId};

/// The addresses behind the gateway endpoints.
pub(super) struct Gateways {
    pub s3: PrefixListId,
    pub dynamodb: PrefixListId,
}

/// The gateway endpoints of S3 and DynamoDB. Nobody can carry data through them to another account.
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
    // Image layers of ECR lie in a bucket of Amazon's.
    // <https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html>
    let layers = format!("arn:{}:s3:::prod-{}-starport-layer-bucket/*", scope.partition(), scope.region());
    let image_layers = json!({
        "Sid": "ImageLayers",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": layers,
    });
    Gateways {
        s3: add("s3", policy(json!([own_account("s3"), image_layers]))),
        dynamodb: add("dynamodb", policy(json!([own_account("dynamodb")]))),
    }
}

/// The interface endpoints, with a group of their own that lets the VPC in; `None` if there are none.
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
            policy: policy(json!([{
                "Sid": "OwnAccount",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "*",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:PrincipalAccount": scope.account()}},
            }])),
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

fn policy(statements: serde_json::Value) -> Document {
    Document::new(json!({"Version": "2012-10-17", "Statement": statements}))
}
