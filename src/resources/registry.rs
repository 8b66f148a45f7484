//! All resource types.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::bound::{self, Bound};
use super::form::Form;
use super::{
    Resource, acm, application_autoscaling, backup, cloudwatch, config, dynamodb, ec2, ecr, ecs, elb, events, iam, kms,
    lambda, logs, rds, route53, s3, secrets, sns, sqs, ssm, waf,
};
use crate::aws::cx::Shared;
use crate::engine::{Operations, Provider, StepError};

/// Resource types by name: the shipped ones, and those of other crates.
#[derive(Clone)]
pub struct Types(BTreeMap<&'static str, Type>);

/// A resource type as a value.
#[derive(Clone, Copy)]
struct Type {
    bind: fn(&Arc<Shared>) -> Box<dyn Operations>,
    describe: fn(&Value) -> Result<Form, StepError>,
    actions: &'static [&'static str],
}

impl Types {
    /// Adds a type. It replaces one of the same name.
    #[must_use]
    pub fn with<R: Resource>(mut self) -> Self {
        let it = Type {
            bind: |shared| Box::new(Bound::<R>::new(shared.clone())),
            describe: |spec| Ok(Form { stateful: R::TYPE.stateful, ..bound::read::<R>(spec)?.cloudformation() }),
            actions: R::TYPE.actions,
        };
        self.0.insert(R::TYPE.kind, it);
        self
    }

    /// Adds types. They replace those of the same names.
    #[must_use]
    pub fn and(mut self, other: Types) -> Self {
        self.0.extend(other.0);
        self
    }

    /// True if there is a type of this name.
    pub fn contains(&self, kind: &str) -> bool {
        self.0.contains_key(kind)
    }

    /// Binds the types to a run.
    pub fn bind(&self, shared: &Arc<Shared>) -> Registry {
        Registry { types: self.0.iter().map(|(kind, it)| (*kind, (it.bind)(shared))).collect() }
    }

    /// The CloudFormation form of a spec.
    ///
    /// # Errors
    /// If the type is unknown, or the spec isn't one of that type.
    pub fn cloudformation(&self, kind: &str, spec: &Value) -> Result<Form, StepError> {
        (self.0.get(kind).ok_or_else(|| unknown(kind))?.describe)(spec)
    }

    /// The IAM actions that provisioner needs for each type, by the name of the type.
    pub fn actions(&self) -> BTreeMap<&'static str, &'static [&'static str]> {
        self.0.iter().map(|(kind, it)| (*kind, it.actions)).collect()
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Types bound to a run.
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
        .with_help("use the build that wrote the state file; register types of your own with `CustomSystem::with_type`")
}

/// Calls a macro with the list of all types: `resource_types!(names)` is `names! { acm::Certificate, ... }`. The modules of
/// [`resources`](crate::resources) must be in scope.
#[doc(hidden)]
#[macro_export]
macro_rules! resource_types {
    ($then:ident) => {
        $then! {
            acm::Certificate,
            acm::CertificateValidation,
            acm::ImportedCertificate,
            application_autoscaling::ScalableTarget,
            application_autoscaling::ScalingPolicy,
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
            ecr::Repository,
            ecs::Cluster,
            ecs::Service,
            ecs::TaskDefinition,
            elb::Listener,
            elb::ListenerRule,
            elb::LoadBalancer,
            elb::TargetGroup,
            elb::TargetRegistration,
            events::Rule,
            events::Target,
            iam::Policy,
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

macro_rules! shipped {
    ($($resource:ty,)*) => {
        impl Types {
            /// The types of this crate.
            pub fn shipped() -> Self {
                Types(BTreeMap::new())$(.with::<$resource>())*
            }
        }
    };
}

resource_types!(shipped);
