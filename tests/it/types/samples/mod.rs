//! Specs of every type, one file a service.

mod acm;
mod application_autoscaling;
mod backup;
mod cloudwatch;
mod config;
mod dynamodb;
mod ec2;
mod ecr;
mod ecs;
mod elb;
mod events;
mod iam;
mod kms;
mod lambda;
mod logs;
mod rds;
mod route53;
mod s3;
mod secrets;
mod sns;
mod sqs;
mod ssm;
mod waf;

use provisioner::modules::Scope;
use provisioner::modules::policy::{document, trust};
use provisioner::resources::document::Document;
use provisioner::resources::ec2::{SecurityGroup, Subnet, Vpc};
use provisioner::resources::iam::Role;
use provisioner::resources::ids::{KeyArn, RoleArn, SecurityGroupId, SubnetId, VpcId};
use provisioner::resources::kms::Key;
use serde_json::json;

/// A policy that lets the account do this.
fn policy(scope: &Scope<'_>, action: &str) -> Document {
    let principal = json!({"AWS": format!("arn:aws:iam::{}:root", scope.account())});
    document([json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"})])
}

/// A key that the account may use.
fn key(scope: &Scope<'_>, name: &str) -> KeyArn {
    let key = Key { description: name.to_owned(), policy: policy(scope, "kms:*"), rotation: true, multi_region: false };
    scope.add(&format!("key-{name}"), key).arn
}

/// A role that this service takes on.
fn role(scope: &Scope<'_>, name: &str, service: &str) -> RoleArn {
    let role = Role {
        name: scope.name(name),
        description: name.to_owned(),
        trust: trust(scope, service),
        inline_policies: [].into(),
        managed_policies: [].into(),
        max_session_seconds: 3600,
    };
    scope.add(&format!("role-{name}"), role).arn
}

/// A network that starts at `10.{number}.0.0`.
fn vpc(scope: &Scope<'_>, number: u8) -> VpcId {
    let cidr = format!("10.{number}.0.0/16").parse().expect("a network");
    scope.add(&format!("vpc-{number}"), Vpc { cidr, dns_support: true, dns_hostnames: true }).vpc_id
}

/// A subnet of the network `number`, in the zone `a`, `b` or `c`.
fn subnet(scope: &Scope<'_>, vpc: &VpcId, number: u8, zone: char) -> SubnetId {
    let third = u32::from(zone) - u32::from('a');
    let subnet = Subnet {
        vpc_id: vpc.clone(),
        cidr: format!("10.{number}.{third}.0/24").parse().expect("a network"),
        availability_zone: format!("{}{zone}", scope.region()),
        map_public_ip: false,
    };
    scope.add(&format!("subnet-{number}-{zone}"), subnet).subnet_id
}

/// A group of a network that nothing may enter or leave.
fn security_group(scope: &Scope<'_>, vpc: &VpcId, name: &str) -> SecurityGroupId {
    let group = SecurityGroup::new(scope.name(name), name, vpc);
    scope.add(&format!("group-{name}"), group).security_group_id
}
