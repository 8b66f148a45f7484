//! Outbound connections of a function or a task: its own security group, with a rule for each destination.

use super::Scope;
use crate::resources::ec2::{Peer, SecurityGroup, SecurityGroupRule};
use crate::resources::ids::{SecurityGroupId, VpcId};

/// A destination of outbound connections.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    /// Its name: `endpoints`, `database`.
    pub what: &'a str,
    /// The TCP port.
    pub port: u16,
    /// Its address or security group.
    pub peer: Peer,
}

/// Adds a security group without rules. It is separate from the function or task, as the destinations' rules refer to it.
pub fn client_group(scope: &Scope<'_>, name: &str, what: &str, vpc: &VpcId) -> SecurityGroupId {
    let scope = scope.at(name);
    let description = format!("The {what} {name} of {}", scope.environment_name());
    let group = SecurityGroup::new(scope.name(&format!("{name}-sg")), description, vpc);
    scope.add("security-group", group).security_group_id
}

/// Adds the group's outbound rules.
pub(super) fn allow_outbound(scope: &Scope<'_>, group: &SecurityGroupId, reaches: &[Reach<'_>]) {
    for Reach { what, port, peer } in reaches {
        let description = format!("{what} of {}", scope.environment_name());
        let rule = SecurityGroupRule::tcp_out(group, *port, peer.clone(), description);
        scope.add(&format!("out-{what}"), rule);
    }
}
