//! Invokes a Lambda function of the system.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::config;
use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::aws::{Class, Cloud, Error, Result};

/// The longest timeout of a Lambda function, and some seconds for the response.
const TIMEOUT: Duration = Duration::from_secs(15 * 60 + 20);

/// A Lambda function of a system.
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    /// Access to AWS.
    pub cloud: &'a Cloud,
    /// The region.
    pub region: &'a str,
    /// The name.
    pub name: &'a str,
}

/// Lambda's response for a function that threw an error.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thrown {
    error_message: Option<String>,
    error_type: Option<String>,
}

impl Function<'_> {
    /// Invokes the function and waits for its response.
    ///
    /// # Errors
    /// It can't be invoked, it threw an error, or its response can't be parsed.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    pub async fn call<T: DeserializeOwned>(&self, event: &Value) -> Result<T> {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(TIMEOUT).build();
        // A function without a response may still be running: the caller decides about another invocation.
        let once = RetryConfig::standard().with_max_attempts(1);
        let request = self.cloud.region(self.region).lambda.invoke().function_name(self.name);
        let request = request.payload(Blob::new(event.to_string())).customize();
        let request = request.config_override(config::Builder::new().timeout_config(timeouts).retry_config(once));
        let answer = request.send().await?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        if answer.function_error().is_some() {
            return Err(self.thrown(payload));
        }
        serde_json::from_slice(payload).map_err(|error| {
            let message = format!("the response of the function {} can't be parsed: {error}", self.name);
            Error::local(message)
                .with_help("the function may be of another version: apply the system, then run the same command again")
        })
    }

    fn thrown(&self, payload: &[u8]) -> Error {
        let thrown = serde_json::from_slice(payload).unwrap_or(Thrown { error_message: None, error_type: None });
        let what = thrown.error_message.or(thrown.error_type).unwrap_or_else(|| "no error message".to_owned());
        let message = format!("the function {} failed: {what}", self.name);
        let help = format!("see its log: /aws/lambda/{} in CloudWatch Logs", self.name);
        Error { class: Class::Local, operation: "lambda:Invoke".to_owned(), ..Error::local(message).with_help(help) }
    }
}
