//! WAF (version 2): web ACLs of load balancers.

mod logging_configuration;
mod web_acl;
mod web_acl_association;

pub use logging_configuration::{LoggingConfiguration, LoggingConfigurationOutputs};
pub use web_acl::{Rule, WebAcl, WebAclOutputs};
pub use web_acl_association::{WebAclAssociation, WebAclAssociationOutputs};

crate::resources::tags::tag_type!(aws_sdk_wafv2::types::Tag);
