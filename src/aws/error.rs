//! Errors of AWS calls, told apart by code and status, never by their text.

use std::error::Error as _;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::calls::request_id;
use crate::engine::StepError;

/// The result of something that asks AWS.
pub type Result<T> = std::result::Result<T, Error>;

/// What an error means for what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The thing isn't there.
    NotFound,
    /// The thing is there already.
    AlreadyExists,
    /// Something it needs or that holds it is still on its way: try again in a while.
    Retryable,
    /// Too many calls; the SDK has retried already.
    Throttled,
    /// The credentials may not do this, or aren't valid.
    Denied,
    /// The account's quota is used up.
    Quota,
    /// AWS will never accept this request.
    Invalid,
    /// No answer, or a server error: the call may have taken effect.
    OutcomeUnknown,
    /// Nothing to do with AWS.
    Local,
}

/// A failed AWS call.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What it means.
    pub class: Class,
    /// Service and operation, for example `ec2:CreateVpc`.
    pub operation: String,
    /// AWS's error code.
    pub code: Option<String>,
    /// AWS's words.
    pub message: String,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// What to do, where we know better than the class does.
    pub help: Option<String>,
}

impl Error {
    /// An error of our own: no AWS call failed.
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

    /// An answer of AWS that lacks what it must have.
    pub fn incomplete(operation: &str, field: &str) -> Self {
        let mut error = Error::local(format!("AWS answered {operation} without {field}"));
        operation.clone_into(&mut error.operation);
        error.class = Class::OutcomeUnknown;
        error
    }

    /// The same with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// True if AWS gave exactly this code.
    pub fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// True if the thing isn't there.
    pub fn is_gone(&self) -> bool {
        self.class == Class::NotFound
    }

    fn advice(&self) -> Option<&'static str> {
        Some(match self.class {
            Class::NotFound => {
                "it was deleted behind provisioner's back: run `provisioner plan` to see what is missing"
            }
            Class::AlreadyExists => {
                "something else has this name: use another --suffix, or delete it if nobody needs it"
            }
            Class::Retryable => {
                "AWS is still busy with what this depends on: run the same command again in a few minutes"
            }
            Class::Throttled => "AWS throttles this account: run the same command again; it goes on where it stopped",
            Class::Denied => "check the credentials (`aws sts get-caller-identity`) and that they allow this operation",
            Class::Quota => {
                "raise this quota in the Service Quotas console, or free some, then run the same command again"
            }
            Class::Invalid => {
                "AWS refuses this as it is: if a value of provisioner.toml is behind it, correct that, then run the same command again"
            }
            Class::OutcomeUnknown => "run the same command again: it finds out whether the call took effect",
            Class::Local => return None,
        })
    }
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        StepError {
            help: error.help.clone().or_else(|| error.advice().map(str::to_owned)),
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
        let (code, said) = match &error {
            SdkError::ServiceError(context) => (context.err().code(), context.err().message()),
            _ => (None, None),
        };
        let class = match &error {
            // AWS took the call, and its answer can't be read.
            SdkError::ServiceError(_) if (200..300).contains(&status) => Class::OutcomeUnknown,
            SdkError::ServiceError(_) => classify(code.unwrap_or_default(), status),
            // The request never left: wrong input, no credentials.
            SdkError::ConstructionFailure(_) => Class::Invalid,
            SdkError::DispatchFailure(failure) if failure.is_user() => Class::Invalid,
            // Credentials are looked up inside the dispatch; without any nothing was sent.
            SdkError::DispatchFailure(failure) if failure.is_other() => Class::Denied,
            _ => Class::OutcomeUnknown,
        };
        let message = match said {
            Some(said) => said.to_owned(),
            None => match error.source() {
                Some(source) => describe(source),
                None => error.to_string(),
            },
        };
        let code = code.map(str::to_owned);
        Error { class, operation, code, message, request_id, help: None }
    }
}

/// What an error and those behind it say, each once: what they hold is nothing for people, and may hold what they sent.
fn describe(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        let more = error.to_string();
        if !words.contains(&more) {
            words.push_str(": ");
            words.push_str(&more);
        }
        behind = error.source();
    }
    words
}

/// `ec2:CreateVpc` of `aws_sdk_ec2::operation::create_vpc::CreateVpcError`.
fn operation_of(type_name: &str) -> String {
    let service = type_name.split("::").next().unwrap_or_default().trim_start_matches("aws_sdk_");
    let error = type_name.rsplit("::").next().unwrap_or_default();
    format!("{service}:{}", error.strip_suffix("Error").unwrap_or(error))
}

/// What a code means. The lists are from the services' API references; the endings are AWS's naming habits.
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
    fn the_operation_is_read_from_the_error_type() {
        assert_eq!(operation_of("aws_sdk_ec2::operation::create_vpc::CreateVpcError"), "ec2:CreateVpc");
    }

    #[test]
    fn an_error_without_an_answer_says_what_is_behind_it_and_nothing_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Said(&'static str, #[source] Option<Box<Said>>);
        let said = |text, behind: Option<Said>| Said(text, behind.map(Box::new));
        let error = said("no answer", Some(said("no way: port closed", Some(said("port closed", None)))));
        assert_eq!(describe(&error), "no answer: no way: port closed");
    }

    #[test]
    fn codes_tell_what_to_do_next() {
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
