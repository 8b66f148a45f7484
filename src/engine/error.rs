//! The error of one step.

use super::advice::Advice;

/// Why a step failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// What went wrong, in one sentence.
    pub message: String,
    /// The AWS service and operation, for example `ec2:CreateVpc`.
    pub operation: Option<String>,
    /// AWS's error code.
    pub code: Option<String>,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// What to do about it.
    pub advice: Option<Advice>,
    /// The call may have taken effect: only reading the resource again can tell.
    pub outcome_unknown: bool,
}

impl StepError {
    /// An error that isn't from an AWS call.
    pub fn new(message: impl Into<String>) -> Self {
        StepError {
            message: message.into(),
            operation: None,
            code: None,
            request_id: None,
            advice: None,
            outcome_unknown: false,
        }
    }

    /// The same error with advice in words.
    pub fn with_help(self, help: impl Into<String>) -> Self {
        self.with_advice(Advice::Text(help.into()))
    }

    /// The same error with advice.
    pub fn with_advice(self, advice: Advice) -> Self {
        StepError { advice: Some(advice), ..self }
    }
}

impl From<crate::state::StateError> for StepError {
    fn from(error: crate::state::StateError) -> Self {
        StepError::new(error.to_string()).with_advice(Advice::State(error))
    }
}
