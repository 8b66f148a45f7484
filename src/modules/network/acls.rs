//! Network ACLs of the subnets. Security groups filter more precisely.

use ipnet::Ipv4Net;

use super::NetworkParams;
use crate::modules::Scope;
use crate::resources::ec2::{Direction, NetworkAcl, NetworkAclEntries, NetworkAclEntry, Ports, Protocol};
use crate::resources::ids::{SubnetId, VpcId};

const HTTP: Ports = Ports { from: 80, to: 80 };
const HTTPS: Ports = Ports { from: 443, to: 443 };
/// ICMP "fragmentation needed", for path MTU discovery.
const FRAGMENTATION_NEEDED: Ports = Ports { from: 3, to: 4 };
/// Ephemeral ports: Lambda, load balancers and NAT gateways use all from 1024.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports>
const EPHEMERAL: Ports = Ports { from: 1024, to: 65_535 };
/// Ephemeral ports without 3389, which no ACL may open to the internet (Security Hub EC2.21). One connection in 64,512 uses it as
/// its source port, times out and is retried from another port.
const EPHEMERAL_FROM_INTERNET: [Ports; 2] = [Ports { from: 1024, to: 3388 }, Ports { from: 3390, to: 65_535 }];

/// The ACL of the private subnets: the VPC and its peers; HTTPS to the internet, with its responses.
pub(super) fn private(scope: &Scope<'_>, params: &NetworkParams, vpc_id: &VpcId, subnet_ids: &[SubnetId]) {
    let everywhere = Ipv4Net::default();
    let mut acl = Entries::default();
    acl.allow_inside(params);
    for ports in EPHEMERAL_FROM_INTERNET {
        acl.allow(Direction::Ingress, Protocol::Tcp, everywhere, Some(ports));
    }
    acl.allow(Direction::Ingress, Protocol::Icmp, everywhere, Some(FRAGMENTATION_NEEDED));
    acl.allow(Direction::Egress, Protocol::Tcp, everywhere, Some(HTTPS));
    acl.add(scope, "network-acl-private", vpc_id, subnet_ids);
}

/// The ACL of the data subnets: only the VPC and its peers.
pub(super) fn data(scope: &Scope<'_>, params: &NetworkParams, vpc_id: &VpcId, subnet_ids: &[SubnetId]) {
    let mut acl = Entries::default();
    acl.allow_inside(params);
    acl.add(scope, "network-acl-data", vpc_id, subnet_ids);
}

/// The ACL of the public subnets: the VPC; clients of the load balancer; HTTPS from the NAT gateways; the responses to both.
pub(super) fn public(scope: &Scope<'_>, params: &NetworkParams, vpc_id: &VpcId, subnet_ids: &[SubnetId]) {
    let everywhere = Ipv4Net::default();
    let mut acl = Entries::default();
    acl.allow(Direction::Ingress, Protocol::All, params.cidr, None);
    acl.allow(Direction::Egress, Protocol::All, params.cidr, None);
    for ports in [HTTP, HTTPS].into_iter().chain(EPHEMERAL_FROM_INTERNET) {
        acl.allow(Direction::Ingress, Protocol::Tcp, everywhere, Some(ports));
    }
    acl.allow(Direction::Ingress, Protocol::Icmp, everywhere, Some(FRAGMENTATION_NEEDED));
    for ports in [HTTPS, EPHEMERAL] {
        acl.allow(Direction::Egress, Protocol::Tcp, everywhere, Some(ports));
    }
    acl.allow(Direction::Egress, Protocol::Icmp, everywhere, Some(FRAGMENTATION_NEEDED));
    acl.add(scope, "network-acl-public", vpc_id, subnet_ids);
}

/// Allowing entries, numbered in steps of ten.
#[derive(Default)]
struct Entries {
    ingress: NetworkAclEntries,
    egress: NetworkAclEntries,
}

impl Entries {
    fn allow(&mut self, direction: Direction, protocol: Protocol, cidr: Ipv4Net, ports: Option<Ports>) {
        let entries = match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        };
        let number = entries.last_key_value().map_or(100, |(last, _)| last + 10);
        entries.insert(number, NetworkAclEntry { allow: true, protocol, cidr, ports });
    }

    /// Allows the VPC and its peers.
    fn allow_inside(&mut self, params: &NetworkParams) {
        for block in [params.cidr].iter().chain(&params.peers) {
            self.allow(Direction::Ingress, Protocol::All, *block, None);
            self.allow(Direction::Egress, Protocol::All, *block, None);
        }
    }

    fn add(self, scope: &Scope<'_>, name: &str, vpc_id: &VpcId, subnet_ids: &[SubnetId]) {
        let Entries { ingress, egress } = self;
        scope.add(name, NetworkAcl { vpc_id: vpc_id.clone(), ingress, egress, subnet_ids: subnet_ids.to_vec() });
    }
}
