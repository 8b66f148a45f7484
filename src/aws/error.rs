//! Errors of AWS calls, classified by code and status, never by their text.

use std::error::Error as _;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::calls::request_id;
use crate::engine::{Advice, StepError};

/// The result of an AWS call.
pub type Result<T> = std::result::Result<T, Error>;

/// What an error means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The resource doesn't exist.
    NotFound,
    /// The resource exists already.
    AlreadyExists,
    /// A dependency isn't ready yet, or a dependent isn't deleted yet: try again later.
    Retryable,
    /// Too many calls. The SDK has retried already.
    Throttled,
    /// The credentials aren't valid or lack permission.
    Denied,
    /// A quota of the account is exhausted.
    Quota,
    /// AWS will never accept this request.
    Invalid,
    /// No response, or a server error: the call may have taken effect.
    OutcomeUnknown,
    /// An error of provisioner, not of AWS.
    Local,
}

/// A failed AWS call.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The class.
    pub class: Class,
    /// Service and operation, for example `ec2:CreateVpc`.
    pub operation: String,
    /// AWS's error code.
    pub code: Option<String>,
    /// AWS's message.
    pub message: String,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// What to do, if the class alone doesn't say it.
    pub help: Option<String>,
}

impl Error {
    /// An error that isn't from an AWS call.
    pub fn local(message: impl Into<String>) -> Self {
        Error {
            class: Class::Local,
            operation: String::new(),
            code: None,
            message: message.into(),
            request_id: None,
            help: None,
        }
    }

    /// A response of AWS without a required field.
    pub fn incomplete(operation: &str, field: &str) -> Self {
        let mut error = Error::local(format!("AWS answered {operation} without {field}"));
        operation.clone_into(&mut error.operation);
        error.class = Class::OutcomeUnknown;
        error
    }

    /// The same error with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// True if AWS returned exactly this code.
    pub fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// True if the resource doesn't exist.
    pub fn is_not_found(&self) -> bool {
        self.class == Class::NotFound
    }

    /// The advice of the error itself, else that of its class.
    fn advice(&self) -> Option<Advice> {
        if let Some(help) = &self.help {
            return Some(Advice::Text(help.clone()));
        }
        Some(match self.class {
            Class::NotFound => Advice::FindMissing,
            Class::AlreadyExists => Advice::FreeName,
            Class::Retryable => Advice::WaitAndRetry,
            Class::Throttled => Advice::RetryThrottled,
            Class::Denied => Advice::CheckCredentials,
            Class::Quota => Advice::RaiseQuota,
            Class::Invalid => Advice::CorrectConfiguration,
            Class::OutcomeUnknown => Advice::ResolveOutcome,
            Class::Local => return None,
        })
    }
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        StepError {
            advice: error.advice(),
            outcome_unknown: error.class == Class::OutcomeUnknown,
            message: error.message,
            operation: Some(error.operation).filter(|operation| !operation.is_empty()),
            code: error.code,
            request_id: error.request_id,
        }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let operation = operation_of(std::any::type_name::<E>());
        let response = error.raw_response();
        let status = response.map_or(0, |response| response.status().as_u16());
        let request_id = response.and_then(request_id).map(str::to_owned);
        let (code, message) = match &error {
            SdkError::ServiceError(context) => (context.err().code(), context.err().message()),
            _ => (None, None),
        };
        let class = match &error {
            // AWS accepted the call, but the response can't be parsed.
            SdkError::ServiceError(_) if (200..300).contains(&status) => Class::OutcomeUnknown,
            SdkError::ServiceError(_) => classify(code.unwrap_or_default(), status),
            // The request was never sent: invalid input.
            SdkError::ConstructionFailure(_) => Class::Invalid,
            SdkError::DispatchFailure(failure) if failure.is_user() => Class::Invalid,
            // The dispatch looks up credentials first: without any, nothing was sent.
            SdkError::DispatchFailure(failure) if failure.is_other() => Class::Denied,
            _ => Class::OutcomeUnknown,
        };
        let message = match message {
            Some(message) => message.to_owned(),
            None => match error.source() {
                Some(source) => describe(source),
                None => error.to_string(),
            },
        };
        let code = code.map(str::to_owned);
        Error { class, operation, code, message, request_id, help: None }
    }
}

/// The messages of an error and its sources, each once. Not the debug form: it may contain what was sent.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = error.source();
    }
    text
}

/// `ec2:CreateVpc` of `aws_sdk_ec2::operation::create_vpc::CreateVpcError`.
fn operation_of(type_name: &str) -> String {
    let service = type_name.split("::").next().unwrap_or_default().trim_start_matches("aws_sdk_");
    let error = type_name.rsplit("::").next().unwrap_or_default();
    format!("{service}:{}", error.strip_suffix("Error").unwrap_or(error))
}

/// The class of an error code. The lists are from the API references of the services; the patterns are AWS's naming conventions.
pub fn classify(code: &str, status: u16) -> Class {
    match code {
        "NatGatewayNotFound"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "WAFNonexistentItemException"
        | "TrailNotFoundException"
        | "NoSuchConfigurationRecorderException"
        | "NoSuchDeliveryChannelException"
        | "NoSuchConfigRuleException"
        | "ServiceNotActiveException"
        | "ParameterNotFound" => Class::NotFound,
        "InvalidPermission.Duplicate"
        | "EntityAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "BucketAlreadyExists"
        | "ResourceExistsException"
        | "QueueNameExists"
        | "QueueAlreadyExists"
        | "WAFDuplicateItemException"
        | "HostedZoneAlreadyExists"
        | "PriorityInUse"
        | "Resource.AlreadyAssociated"
        | "InvalidVpc.Duplicate"
        | "InvalidGroup.Duplicate" => Class::AlreadyExists,
        "DependencyViolation"
        | "IncorrectState"
        | "DeleteConflict"
        | "ResourceInUse"
        | "ResourceInUseException"
        | "InvalidDBClusterStateFault"
        | "InvalidDBInstanceState"
        | "InvalidDBInstanceStateFault"
        | "InvalidGlobalClusterStateFault"
        | "InvalidDBSubnetGroupStateFault"
        | "InvalidDBParameterGroupState"
        | "InvalidDBParameterGroupStateFault"
        | "ResourceConflictException"
        | "OperationAborted"
        | "PriorRequestNotComplete"
        | "ConcurrentModificationException"
        | "ConcurrentModification"
        | "ConcurrentUpdateException"
        | "ClusterContainsServicesException"
        | "ClusterContainsTasksException"
        | "UpdateInProgressException"
        | "WAFUnavailableEntityException"
        | "WAFAssociatedItemException"
        | "InvalidState"
        | "QueueDeletedRecently"
        | "AWS.SimpleQueueService.QueueDeletedRecently"
        | "ResourceNotReadyException"
        | "InvalidIPAddress.InUse"
        | "OperationNotPermittedException"
        | "Gateway.NotAttached" => Class::Retryable,
        "RequestLimitExceeded" | "SlowDown" | "BandwidthLimitExceeded" | "LimitExceededFault" | "PriorRequest" => {
            Class::Throttled
        }
        "UnauthorizedOperation"
        | "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "OptInRequired"
        | "AuthorizationError"
        | "AuthorizationErrorException"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "KMSAccessDeniedException"
        | "NotAuthorized"
        | "Forbidden" => Class::Denied,
        "RequestTimeout" | "RequestTimeoutException" | "InternalFailure" | "InternalError" | "ServiceUnavailable" => {
            Class::OutcomeUnknown
        }
        _ if code.starts_with("Throttl") || code.contains("TooManyRequests") || status == 429 => Class::Throttled,
        _ if code.contains("LimitExceeded") || code.contains("QuotaExceeded") || code.contains("Quota") => Class::Quota,
        _ if code.contains("NotFound") || code.starts_with("NoSuch") || code.contains("DoesNotExist") => {
            Class::NotFound
        }
        _ if code.contains("AlreadyExist") || code.contains("Duplicate") => Class::AlreadyExists,
        "" if status == 404 => Class::NotFound,
        "" if status == 403 => Class::Denied,
        _ if status >= 500 || status == 0 => Class::OutcomeUnknown,
        _ => Class::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_is_derived_from_the_error_type() {
        assert_eq!(operation_of("aws_sdk_ec2::operation::create_vpc::CreateVpcError"), "ec2:CreateVpc");
    }

    #[test]
    fn error_without_response_names_each_source_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Chained(&'static str, #[source] Option<Box<Chained>>);
        let chained = |text, source: Option<Chained>| Chained(text, source.map(Box::new));
        let error = chained("no answer", Some(chained("no route: port closed", Some(chained("port closed", None)))));
        assert_eq!(describe(&error), "no answer: no route: port closed");
    }

    #[test]
    fn codes_are_classified() {
        for (code, status, class) in [
            ("InvalidVpcID.NotFound", 400, Class::NotFound),
            ("NoSuchBucket", 404, Class::NotFound),
            ("", 404, Class::NotFound),
            ("DBClusterNotFoundFault", 404, Class::NotFound),
            ("DBClusterAlreadyExistsFault", 400, Class::AlreadyExists),
            ("SubscriptionAlreadyExist", 400, Class::AlreadyExists),
            ("AlreadyExistsException", 400, Class::AlreadyExists),
            ("Resource.AlreadyAssociated", 400, Class::AlreadyExists),
            ("DependencyViolation", 400, Class::Retryable),
            ("ClusterContainsServicesException", 400, Class::Retryable),
            ("ConcurrentUpdateException", 400, Class::Retryable),
            ("ServiceNotActiveException", 400, Class::NotFound),
            ("ObjectNotFoundException", 400, Class::NotFound),
            ("RepositoryNotFoundException", 400, Class::NotFound),
            ("RepositoryAlreadyExistsException", 400, Class::AlreadyExists),
            ("ThrottlingException", 400, Class::Throttled),
            ("TooManyRequestsException", 429, Class::Throttled),
            ("VpcLimitExceeded", 400, Class::Quota),
            ("UnauthorizedOperation", 403, Class::Denied),
            ("InvalidParameterValue", 400, Class::Invalid),
            ("SomethingNew", 503, Class::OutcomeUnknown),
        ] {
            assert_eq!(classify(code, status), class, "{code} {status}");
        }
    }
}
