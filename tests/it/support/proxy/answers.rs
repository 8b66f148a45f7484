//! Errors in the formats of AWS's protocols.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::call::{Call, Protocol};

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An error in the place of an answer. All but the last two pass: asked again, AWS may well do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many calls.
    Throttling,
    /// 500
    InternalFailure,
    /// 503
    Unavailable,
    /// The request didn't arrive whole in time.
    RequestTimeout,
    /// The credentials may not do this.
    Denied,
    /// A value that AWS will never take.
    Invalid,
}

impl Refusal {
    /// Status and code, as this service says it.
    fn status_and_code(self, call: &Call) -> (u16, &'static str) {
        match (self, call.service.as_str()) {
            (Refusal::Throttling, "ec2") => (503, "RequestLimitExceeded"),
            (Refusal::Throttling, "s3") => (503, "SlowDown"),
            (Refusal::Throttling, "lambda") => (429, "TooManyRequestsException"),
            (Refusal::Throttling, _) if call.has_xml_errors() => (400, "Throttling"),
            (Refusal::Throttling, _) => (400, "ThrottlingException"),
            (Refusal::InternalFailure, "ec2" | "s3") => (500, "InternalError"),
            (Refusal::InternalFailure, "lambda") => (500, "ServiceException"),
            (Refusal::InternalFailure, _) => (500, "InternalFailure"),
            (Refusal::Unavailable, "ec2") => (503, "Unavailable"),
            (Refusal::Unavailable, _) => (503, "ServiceUnavailable"),
            (Refusal::RequestTimeout, _) => (400, "RequestTimeout"),
            (Refusal::Denied, "ec2") => (403, "UnauthorizedOperation"),
            (Refusal::Denied, "sns") => (403, "AuthorizationError"),
            (Refusal::Denied, _) if call.has_xml_errors() => (403, "AccessDenied"),
            (Refusal::Denied, "lambda" | "backup") => (403, "AccessDeniedException"),
            (Refusal::Denied, _) => (400, "AccessDeniedException"),
            (Refusal::Invalid, "ec2" | "rds") => (400, "InvalidParameterValue"),
            (Refusal::Invalid, "sns") => (400, "InvalidParameter"),
            (Refusal::Invalid, "s3") => (400, "InvalidArgument"),
            (Refusal::Invalid, "route53") => (400, "InvalidInput"),
            (Refusal::Invalid, "lambda" | "backup") => (400, "InvalidParameterValueException"),
            (Refusal::Invalid, "secretsmanager" | "logs" | "ecs" | "ecr") => (400, "InvalidParameterException"),
            (Refusal::Invalid, "sqs") => (400, "InvalidAttributeValue"),
            (Refusal::Invalid, "wafv2") => (400, "WAFInvalidParameterException"),
            (Refusal::Invalid, _) if call.has_xml_errors() => (400, "ValidationError"),
            (Refusal::Invalid, _) => (400, "ValidationException"),
        }
    }

    /// True for an error that a retry returns again.
    pub fn is_permanent(self) -> bool {
        matches!(self, Refusal::Denied | Refusal::Invalid)
    }

    /// The code, as this service says it.
    pub fn code(self, call: &Call) -> &'static str {
        self.status_and_code(call).1
    }

    /// The answer to this call.
    pub fn answer(self, call: &Call) -> Answer {
        let (status, code) = self.status_and_code(call);
        error(call, status, code)
    }
}

/// The service's own error for a resource that doesn't exist.
pub fn not_found(call: &Call, named: &str) -> Answer {
    let (status, code) = match call.service.as_str() {
        "ec2" => (400, not_found_in_ec2(named)),
        "elbv2" if call.operation.contains("TargetGroup") || call.operation.contains("TargetHealth") => {
            (400, "TargetGroupNotFound")
        }
        "elbv2" if named.contains(":listener-rule/") => (400, "RuleNotFound"),
        "elbv2" if named.contains(":listener/") => (400, "ListenerNotFound"),
        "elbv2" => (400, "LoadBalancerNotFound"),
        "rds" => (404, not_found_in_rds(named, &call.operation)),
        "application-autoscaling" => (400, "ObjectNotFoundException"),
        "ecr" => (400, "RepositoryNotFoundException"),
        "ecs" if call.operation.contains("TaskDefinition") => (400, "ClientException"),
        "ecs" if named.contains(":service/") => (400, "ServiceNotFoundException"),
        "ecs" => (400, "ClusterNotFoundException"),
        "iam" => (404, "NoSuchEntity"),
        "kms" => (400, "NotFoundException"),
        "sns" => (404, "NotFound"),
        "sqs" => (400, "QueueDoesNotExist"),
        "ssm" => (400, "ParameterNotFound"),
        "s3" => (404, "NoSuchBucket"),
        "wafv2" => (400, "WAFNonexistentItemException"),
        "route53" if call.operation.contains("HealthCheck") => (404, "NoSuchHealthCheck"),
        "route53" if call.operation.contains("QueryLogging") => (404, "NoSuchQueryLoggingConfig"),
        "route53" => (404, "NoSuchHostedZone"),
        "lambda" => (404, "ResourceNotFoundException"),
        _ => (400, "ResourceNotFoundException"),
    };
    error(call, status, code)
}

/// By the kind of id: [EC2's error codes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).
fn not_found_in_ec2(named: &str) -> &'static str {
    let kinds = [
        ("vpc-", "InvalidVpcID.NotFound"),
        ("subnet-", "InvalidSubnetID.NotFound"),
        ("igw-", "InvalidInternetGatewayID.NotFound"),
        ("eipalloc-", "InvalidAllocationID.NotFound"),
        ("nat-", "NatGatewayNotFound"),
        ("tgw-rtb-", "InvalidRouteTableID.NotFound"),
        ("rtb-", "InvalidRouteTableID.NotFound"),
        ("sg-", "InvalidGroup.NotFound"),
        ("sgr-", "InvalidSecurityGroupRuleId.NotFound"),
        ("acl-", "InvalidNetworkAclID.NotFound"),
        ("tgw-attach-", "InvalidTransitGatewayAttachmentID.NotFound"),
        ("tgw-", "InvalidTransitGatewayID.NotFound"),
        ("vpce-", "InvalidVpcEndpointId.NotFound"),
        ("fl-", "InvalidFlowLogId.NotFound"),
    ];
    kinds.iter().find(|(kind, _)| named.starts_with(kind)).map_or("InvalidID.NotFound", |(_, code)| code)
}

fn not_found_in_rds(named: &str, operation: &str) -> &'static str {
    let about = |kind: &str, part: &str| named.contains(&format!(":{kind}:")) || operation.contains(part);
    if about("cluster-pg", "ClusterParameter") || about("pg", "DBParameter") {
        "DBParameterGroupNotFound"
    } else if about("subgrp", "SubnetGroup") {
        "DBSubnetGroupNotFoundFault"
    } else if about("es", "EventSubscription") {
        "SubscriptionNotFound"
    } else if about("global-cluster", "GlobalCluster") {
        "GlobalClusterNotFoundFault"
    } else if about("db", "DBInstance") {
        "DBInstanceNotFound"
    } else {
        "DBClusterNotFoundFault"
    }
}

/// An error in the protocol of the call.
fn error(call: &Call, status: u16, code: &str) -> Answer {
    const ID: &str = "00000000-0000-4000-8000-000000000000";
    let said = "said by the tests' proxy";
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    let error = format!("<Error><Type>{kind}</Type><Code>{code}</Code><Message>{said}</Message></Error>");
    let (content, body) = match call.protocol {
        Protocol::Ec2 => (
            "text/xml",
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{said}</Message></Error></Errors>\
                 <RequestID>{ID}</RequestID></Response>"
            ),
        ),
        Protocol::Query | Protocol::RestXml => {
            ("text/xml", format!("<ErrorResponse>{error}<RequestId>{ID}</RequestId></ErrorResponse>"))
        }
        Protocol::S3 => (
            "application/xml",
            format!("<Error><Code>{code}</Code><Message>{said}</Message><RequestId>{ID}</RequestId></Error>"),
        ),
        Protocol::Json10 | Protocol::Json11 => {
            let version = if call.protocol == Protocol::Json10 { "1.0" } else { "1.1" };
            let body = format!(r#"{{"__type":"{code}","message":"{said}"}}"#);
            return with_type(call, status, code, &format!("application/x-amz-json-{version}"), body.into());
        }
        Protocol::RestJson => {
            let body = format!(r#"{{"message":"{said}"}}"#);
            return with_type(call, status, code, "application/json", body.into());
        }
        Protocol::Cbor => {
            let mut body = vec![0xa2];
            for text in ["__type", code, "message", said] {
                // A text of up to 255 bytes: 0x78, its length, itself.
                body.extend([0x78, u8::try_from(text.len()).expect("these texts are short")]);
                body.extend(text.as_bytes());
            }
            let mut answer = answer(status, "application/cbor", body.into());
            answer.headers.insert(HeaderName::from_static("smithy-protocol"), HeaderValue::from_static("rpc-v2-cbor"));
            return answer;
        }
    };
    answer(status, content, body.into())
}

fn with_type(call: &Call, status: u16, code: &str, content: &str, body: Bytes) -> Answer {
    let mut answer = answer(status, content, body);
    let code_header = HeaderValue::from_str(code).expect("a code is plain text");
    answer.headers.insert(HeaderName::from_static("x-amzn-errortype"), code_header);
    if call.service == "sqs" && code == "QueueDoesNotExist" {
        let old = HeaderValue::from_static("AWS.SimpleQueueService.NonExistentQueue;Sender");
        answer.headers.insert(HeaderName::from_static("x-amzn-query-error"), old);
    }
    answer
}

fn answer(status: u16, content: &str, body: Bytes) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(content).expect("a media type is plain text"));
    let id = HeaderValue::from_static("00000000-0000-4000-8000-000000000000");
    headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    Answer { status: StatusCode::from_u16(status).expect("a status"), headers, body }
}
