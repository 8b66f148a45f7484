//! Directions, protocols and ports of security group rules and network ACL entries.

use serde::{Deserialize, Serialize};

/// The direction of connections (security groups) or packets (network ACLs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Incoming.
    Ingress,
    /// Outgoing.
    Egress,
}

impl Direction {
    /// The value of AWS's flag `egress`.
    pub(super) fn is_egress(self) -> bool {
        self == Direction::Egress
    }

    pub(super) fn from_egress(egress: Option<bool>) -> Self {
        if egress == Some(true) { Direction::Egress } else { Direction::Ingress }
    }
}

/// An IP protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// All protocols, on all ports.
    All,
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// ICMP
    Icmp,
    /// Another protocol, by its [number](https://www.iana.org/assignments/protocol-numbers/protocol-numbers.xhtml).
    Other(String),
}

impl Protocol {
    /// The number of the protocol, as network ACLs take it.
    pub(super) fn number(&self) -> &str {
        match self {
            Protocol::All => "-1",
            Protocol::Tcp => "6",
            Protocol::Udp => "17",
            Protocol::Icmp => "1",
            Protocol::Other(number) => number,
        }
    }

    /// The name of the protocol, as security groups take it.
    pub(super) fn name(&self) -> &str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => "icmp",
            Protocol::All | Protocol::Other(_) => self.number(),
        }
    }

    /// Reads a name or a number.
    pub(super) fn parse(text: Option<&str>) -> Self {
        match text.unwrap_or_default() {
            "-1" | "all" => Protocol::All,
            "6" | "tcp" => Protocol::Tcp,
            "17" | "udp" => Protocol::Udp,
            "1" | "icmp" => Protocol::Icmp,
            other => Protocol::Other(other.to_owned()),
        }
    }
}

/// A range of ports, inclusive; for ICMP its type and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// The first port, or the ICMP type.
    pub from: i32,
    /// The last port, or the ICMP code.
    pub to: i32,
}

impl Ports {
    /// A single port.
    pub fn one(port: u16) -> Self {
        Ports::range(port, port)
    }

    /// The ports from one to another, inclusive.
    pub fn range(from: u16, to: u16) -> Self {
        Ports { from: from.into(), to: to.into() }
    }

    /// All ports: TCP and UDP take no -1, the others nothing but -1.
    fn all(protocol: &Protocol) -> Self {
        match protocol {
            Protocol::Tcp | Protocol::Udp => Ports { from: 0, to: 65_535 },
            Protocol::All | Protocol::Icmp | Protocol::Other(_) => Ports { from: -1, to: -1 },
        }
    }

    /// The ports for a call; `None` means all ports.
    pub(super) fn or_all(ports: Option<Self>, protocol: &Protocol) -> Self {
        ports.unwrap_or_else(|| Ports::all(protocol))
    }

    /// The observed ports. All ports are `None`, unless the `desired` ports name them explicitly.
    pub(super) fn parse(
        protocol: &Protocol,
        from: Option<i32>,
        to: Option<i32>,
        desired: Option<Self>,
    ) -> Option<Self> {
        let ports = Ports { from: from?, to: to? };
        (desired == Some(ports) || ports != Ports::all(protocol)).then_some(ports)
    }
}
