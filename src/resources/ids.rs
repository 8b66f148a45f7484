//! Ids and ARNs, each kind with its own type, so that a subnet's id can't be used as a VPC's.
//!
//! Each is a string in JSON and contains the value, or a reference to the step that will output it.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// False for a text with an unresolved reference: don't send it to AWS.
pub fn is_known(text: &str) -> bool {
    !text.contains('⟦')
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub String);

            impl $name {
                /// False for an unresolved reference: don't send it to AWS.
                pub fn is_known(&self) -> bool {
                    crate::resources::ids::is_known(&self.0)
                }
            }

            impl Deref for $name {
                type Target = str;

                fn deref(&self) -> &str {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl From<String> for $name {
                fn from(value: String) -> Self {
                    $name(value)
                }
            }

            impl From<&str> for $name {
                fn from(value: &str) -> Self {
                    $name(value.to_owned())
                }
            }

            impl From<&String> for $name {
                fn from(value: &String) -> Self {
                    $name(value.clone())
                }
            }

            impl From<$name> for String {
                fn from(id: $name) -> String {
                    id.0
                }
            }
        )*
    };
}

ids! {
    /// `vpc-…`
    VpcId
    /// `subnet-…`
    SubnetId
    /// `igw-…`
    InternetGatewayId
    /// `eipalloc-…`
    AllocationId
    /// `nat-…`
    NatGatewayId
    /// `rtb-…`
    RouteTableId
    /// `sg-…`
    SecurityGroupId
    /// `acl-…`
    NetworkAclId
    /// `tgw-…`
    TransitGatewayId
    /// `tgw-attach-…`
    TransitGatewayAttachmentId
    /// `tgw-rtb-…`
    TransitGatewayRouteTableId
    /// `vpce-…`
    VpcEndpointId
    /// `pl-…`
    PrefixListId
    /// A hosted zone's id, without `/hostedzone/`
    HostedZoneId
    /// A Route 53 health check's id
    HealthCheckId
    /// `arn:aws:kms:…:key/…`
    KeyArn
    /// `arn:aws:iam::…:role/…`
    RoleArn
    /// `arn:aws:iam::…:policy/…`
    PolicyArn
    /// `arn:aws:sqs:…`
    QueueArn
    /// `arn:aws:sns:…`
    TopicArn
    /// `arn:aws:lambda:…:function:…`
    FunctionArn
    /// An event source mapping's UUID
    EventSourceMappingId
    /// `arn:aws:logs:…:log-group:…`, without the `:*` at the end
    LogGroupArn
    /// `arn:aws:s3:::…`
    BucketArn
    /// `arn:aws:secretsmanager:…`
    SecretArn
    /// `arn:aws:acm:…`
    CertificateArn
    /// `arn:aws:elasticloadbalancing:…:loadbalancer/app/…`
    LoadBalancerArn
    /// `arn:aws:elasticloadbalancing:…:targetgroup/…`
    TargetGroupArn
    /// `arn:aws:elasticloadbalancing:…:listener/app/…`
    ListenerArn
    /// `arn:aws:elasticloadbalancing:…:listener-rule/app/…`
    ListenerRuleArn
    /// `arn:aws:wafv2:…:regional/webacl/…`
    WebAclArn
    /// `arn:aws:cloudwatch:…:alarm:…`
    AlarmArn
    /// `arn:aws:rds:…:cluster:…`
    ClusterArn
    /// `arn:aws:dynamodb:…:table/…`
    TableArn
    /// `arn:aws:ecr:…:repository/…`
    RepositoryArn
    /// `arn:aws:ecs:…:cluster/…`
    EcsClusterArn
    /// `arn:aws:ecs:…:task-definition/…:…`, with the revision
    TaskDefinitionArn
    /// `arn:aws:ecs:…:service/…/…`
    ServiceArn
    /// `arn:aws:dynamodb:…:table/…/stream/…`
    StreamArn
}
