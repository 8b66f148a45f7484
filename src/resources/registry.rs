//! All resource types.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::bound::{self, Bound};
use super::{
    Resource, acm, backup, cloudwatch, config, dynamodb, ec2, elb, events, iam, kms, lambda, logs, rds, route53, s3,
    secrets, sns, sqs, ssm, waf,
};
use crate::aws::cx::Shared;
use crate::cloudformation::Form;
use crate::engine::{Operations, Provider, StepError};

/// The types of this build, bound to a run.
pub struct Registry {
    types: BTreeMap<&'static str, Box<dyn Operations>>,
}

impl Provider for Registry {
    fn operations(&self, kind: &str) -> Result<&dyn Operations, StepError> {
        let known = self.types.get(kind).map(AsRef::as_ref);
        known.ok_or_else(|| unknown(kind))
    }
}

fn unknown(kind: &str) -> StepError {
    StepError::new(format!("this provisioner doesn't know the resource type {kind}"))
        .with_help("use the provisioner that wrote the state file")
}

/// Hands the list of all types to a macro: `resource_types!(names)` is `names! { acm::Certificate, ... }`. Whoever uses it has the
/// modules of [`resources`](crate::resources) in scope.
#[doc(hidden)]
#[macro_export]
macro_rules! resource_types {
    ($then:ident) => {
        $then! {
            acm::Certificate,
            acm::CertificateValidation,
            acm::ImportedCertificate,
            backup::Plan,
            backup::Selection,
            backup::Vault,
            cloudwatch::Alarm,
            cloudwatch::CompositeAlarm,
            cloudwatch::Dashboard,
            config::ConfigRule,
            config::ConfigurationRecorder,
            config::DeliveryChannel,
            dynamodb::Table,
            ec2::DefaultNetworkAcl,
            ec2::DefaultSecurityGroup,
            ec2::ElasticIp,
            ec2::FlowLog,
            ec2::GatewayEndpoint,
            ec2::InterfaceEndpoint,
            ec2::InternetGateway,
            ec2::NatGateway,
            ec2::NetworkAcl,
            ec2::Route,
            ec2::RouteTable,
            ec2::SecurityGroup,
            ec2::SecurityGroupRule,
            ec2::Subnet,
            ec2::SubnetRouteTableAssociation,
            ec2::TransitGateway,
            ec2::TransitGatewayAssociation,
            ec2::TransitGatewayPropagation,
            ec2::TransitGatewayRouteTable,
            ec2::TransitGatewayVpcAttachment,
            ec2::Vpc,
            elb::Listener,
            elb::ListenerRule,
            elb::LoadBalancer,
            elb::TargetGroup,
            elb::TargetRegistration,
            events::Rule,
            events::Target,
            iam::Role,
            kms::Alias,
            kms::Key,
            kms::ReplicaKey,
            lambda::EventSourceMapping,
            lambda::Function,
            lambda::Permission,
            logs::LogGroup,
            logs::MetricFilter,
            logs::ResourcePolicy,
            rds::DbCluster,
            rds::DbClusterParameterGroup,
            rds::DbInstance,
            rds::DbParameterGroup,
            rds::DbSubnetGroup,
            rds::EventSubscription,
            rds::GlobalCluster,
            route53::HealthCheck,
            route53::HostedZone,
            route53::QueryLoggingConfig,
            route53::Record,
            s3::Bucket,
            s3::BucketPolicy,
            secrets::Rotation,
            secrets::Secret,
            sns::Subscription,
            sns::Topic,
            sqs::Queue,
            ssm::Parameter,
            waf::LoggingConfiguration,
            waf::WebAcl,
            waf::WebAclAssociation,
        }
    };
}

macro_rules! registry {
    ($($resource:ty,)*) => {
        impl Registry {
            /// Binds all types to a run.
            pub fn new(shared: &Arc<Shared>) -> Self {
                let mut types: BTreeMap<&'static str, Box<dyn Operations>> = BTreeMap::new();
                $(types.insert(<$resource>::KIND, Box::new(Bound::<$resource>::new(shared.clone())));)*
                Registry { types }
            }

            /// A spec of this type in CloudFormation's words.
            ///
            /// # Errors
            /// A type that this build doesn't know, a spec that isn't one of it.
            pub fn cloudformation(kind: &str, spec: &Value) -> Result<Form, StepError> {
                $(if kind == <$resource>::KIND {
                    let form = bound::read::<$resource>(spec)?.cloudformation();
                    return Ok(Form { holds_data: <$resource>::HOLDS_DATA, ..form });
                })*
                Err(unknown(kind))
            }

            /// The name of every type and the IAM actions that provisioner needs for it.
            pub fn actions() -> BTreeMap<&'static str, &'static [&'static str]> {
                BTreeMap::from([$((<$resource>::KIND, <$resource>::ACTIONS),)*])
            }
        }
    };
}

resource_types!(registry);
