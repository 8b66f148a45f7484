//! What a function or a task may connect to: a security group of its own, and a rule for each thing.

use super::Scope;
use crate::resources::ec2::{Peer, SecurityGroup, SecurityGroupRule};
use crate::resources::ids::{SecurityGroupId, VpcId};

/// Something that may be connected to.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    /// What it is, in a word: `endpoints`, `database`.
    pub what: &'a str,
    /// The TCP port.
    pub port: u16,
    /// Where it is.
    pub peer: Peer,
}

/// Puts a group here that lets nothing in and nothing out yet. It comes before what has it, as what is connected to has to let
/// it in.
pub fn client_group(scope: &Scope<'_>, name: &str, what: &str, vpc: &VpcId) -> SecurityGroupId {
    let scope = scope.at(name);
    let description = format!("The {what} {name} of {}", scope.environment_name());
    let group = SecurityGroup::new(scope.name(&format!("{name}-sg")), description, vpc);
    scope.add("security-group", group).security_group_id
}

/// Lets a group out to all of these.
pub(super) fn let_out(scope: &Scope<'_>, group: &SecurityGroupId, reaches: &[Reach<'_>]) {
    for Reach { what, port, peer } in reaches {
        let description = format!("{what} of {}", scope.environment_name());
        let rule = SecurityGroupRule::tcp_out(group, *port, peer.clone(), description);
        scope.add(&format!("out-{what}"), rule);
    }
}
