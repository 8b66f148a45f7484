//! One AWS call: its service and operation, whether it changes something, its resource.

use std::hash::{DefaultHasher, Hash, Hasher};

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Uri};

use super::parameters;
use super::rest;

/// A request as the tool sent it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    /// A header's text; empty without.
    pub fn header(&self, name: impl hyper::header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Ec2,
    Query,
    Json10,
    Json11,
    RestJson,
    RestXml,
    S3,
    Cbor,
}

/// One AWS call.
#[derive(Clone, Debug)]
pub struct Call {
    /// `ec2`, by the name that the sandbox's own list of calls has too.
    pub service: String,
    /// `CreateVpc`; method and path of a REST call that [`rest`] doesn't know.
    pub operation: String,
    /// `us-east-1`
    pub region: String,
    /// It is more than a question.
    pub is_change: bool,
    /// The same in every run with the same call: region, service, operation and the step of its resource.
    /// `us-east-1 ec2:CreateVpc blue/network/vpc`.
    pub key: String,
    /// How many calls with this key came before: a retry, or another run's try.
    pub before: usize,
    pub(super) protocol: Protocol,
}

impl Call {
    /// Reads all but the key.
    pub(super) fn of(asked: &Asked) -> Self {
        let (region, service) = scope(asked);
        let protocol = protocol(asked, &service);
        let operation = operation(asked, &service, protocol);
        let is_change = match operation.split_once(' ') {
            Some((method, _)) => !["GET", "HEAD"].contains(&method),
            None => !["Describe", "Get", "List", "Head", "BatchGet"].iter().any(|verb| operation.starts_with(verb)),
        };
        Call { service, operation, region, is_change, key: String::new(), before: 0, protocol }
    }

    /// Its errors are XML, whose codes have no `Exception` at their end.
    pub(super) fn has_xml_errors(&self) -> bool {
        matches!(self.protocol, Protocol::Ec2 | Protocol::Query | Protocol::RestXml | Protocol::S3)
    }

    /// A number that depends only on the seed, the key and the repetition: the same in every run.
    pub fn dice(&self, seed: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (seed, &self.key, self.before).hash(&mut hasher);
        hasher.finish()
    }
}

/// Region and service of the signature's credential scope, `AKID/20260101/us-east-1/ec2/aws4_request`.
fn scope(asked: &Asked) -> (String, String) {
    let credential = asked.header(AUTHORIZATION).split("Credential=").nth(1).unwrap_or_default();
    let mut parts = credential.split([',', ' ']).next().unwrap_or_default().split('/').skip(2);
    let (region, service) = (parts.next().unwrap_or("us-east-1"), parts.next().unwrap_or("s3"));
    let service = match service {
        "monitoring" => "cloudwatch",
        "elasticloadbalancing" => "elbv2",
        "tagging" => "resourcegroupstaggingapi",
        other => other,
    };
    (region.to_owned(), service.to_owned())
}

fn protocol(asked: &Asked, service: &str) -> Protocol {
    let content = asked.header(CONTENT_TYPE);
    match service {
        _ if asked.uri.path().starts_with("/service/") => Protocol::Cbor,
        _ if content.ends_with("x-amz-json-1.0") => Protocol::Json10,
        _ if content.ends_with("x-amz-json-1.1") => Protocol::Json11,
        "ec2" => Protocol::Ec2,
        _ if content.starts_with("application/x-www-form-urlencoded") => Protocol::Query,
        "s3" => Protocol::S3,
        "route53" => Protocol::RestXml,
        _ => Protocol::RestJson,
    }
}

fn operation(asked: &Asked, service: &str, protocol: Protocol) -> String {
    let last = |text: &str, by: char| text.rsplit(by).next().unwrap_or_default().to_owned();
    match protocol {
        Protocol::Cbor => last(asked.uri.path(), '/'),
        Protocol::Json10 | Protocol::Json11 => last(asked.header("x-amz-target"), '.'),
        Protocol::Ec2 | Protocol::Query => {
            let pairs = parameters::form(&asked.body);
            pairs.into_iter().find(|(name, _)| name == "Action").map(|(_, action)| action).unwrap_or_default()
        }
        Protocol::RestJson | Protocol::RestXml | Protocol::S3 => {
            rest::operation(service, &asked.method, asked.uri.path(), asked.uri.query().unwrap_or_default())
        }
    }
}
