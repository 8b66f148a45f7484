//! Kinds of traffic, as rules of security groups and network ACLs name them.

use serde::{Deserialize, Serialize};

/// Which way connections (of a group) or packets (of an ACL) go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// In.
    Ingress,
    /// Out.
    Egress,
}

impl Direction {
    /// AWS's flag `egress`.
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
    /// All of them, on all ports.
    All,
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// ICMP
    Icmp,
    /// Another one by its [number](https://www.iana.org/assignments/protocol-numbers/protocol-numbers.xhtml).
    Other(String),
}

impl Protocol {
    /// What network ACLs call it.
    pub(super) fn number(&self) -> &str {
        match self {
            Protocol::All => "-1",
            Protocol::Tcp => "6",
            Protocol::Udp => "17",
            Protocol::Icmp => "1",
            Protocol::Other(number) => number,
        }
    }

    /// What security groups call it.
    pub(super) fn name(&self) -> &str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => "icmp",
            Protocol::All | Protocol::Other(_) => self.number(),
        }
    }

    /// Reads either.
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

/// A range of ports, both ends included; for ICMP its type and code.
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

    /// From one port to another.
    pub fn range(from: u16, to: u16) -> Self {
        Ports { from: from.into(), to: to.into() }
    }

    /// All that there are: TCP and UDP take no -1, and the others know nothing else.
    fn all(protocol: &Protocol) -> Self {
        match protocol {
            Protocol::Tcp | Protocol::Udp => Ports { from: 0, to: 65_535 },
            Protocol::All | Protocol::Icmp | Protocol::Other(_) => Ports { from: -1, to: -1 },
        }
    }

    /// For AWS.
    pub(super) fn or_all(ports: Option<Self>, protocol: &Protocol) -> Self {
        ports.unwrap_or_else(|| Ports::all(protocol))
    }

    /// AWS's ports; all of them are `None`, unless that isn't how they were `asked` for.
    pub(super) fn parse(protocol: &Protocol, from: Option<i32>, to: Option<i32>, asked: Option<Self>) -> Option<Self> {
        let ports = Ports { from: from?, to: to? };
        (asked == Some(ports) || ports != Ports::all(protocol)).then_some(ports)
    }
}
