//! A call of one of the system's own functions.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::config;
use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::aws::{Class, Cloud, Error, Result};

/// What Lambda lets a function work at most, and a little more for the answer to come.
const LONGEST: Duration = Duration::from_secs(15 * 60 + 20);

/// A function of a system.
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    /// The way into AWS.
    pub cloud: &'a Cloud,
    /// The region.
    pub region: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// What Lambda answers for a function that threw.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thrown {
    error_message: Option<String>,
    error_type: Option<String>,
}

impl Function<'_> {
    /// Calls it, and waits for its answer.
    ///
    /// # Errors
    /// It can't be called, it threw, or its answer can't be read.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    pub async fn call<T: DeserializeOwned>(&self, event: &Value) -> Result<T> {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(LONGEST).build();
        // A call without an answer may still be at work: whoever calls again decides.
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
            let message = format!("the function {} answers what can't be read: {error}", self.name);
            Error::local(message).with_help("run `provisioner apply`: the function may be of another version")
        })
    }

    fn thrown(&self, payload: &[u8]) -> Error {
        let thrown = serde_json::from_slice(payload).unwrap_or(Thrown { error_message: None, error_type: None });
        let what = thrown.error_message.or(thrown.error_type).unwrap_or_else(|| "it doesn't say why".to_owned());
        let message = format!("the function {} failed: {what}", self.name);
        let help = format!("its log tells more: /aws/lambda/{} in CloudWatch Logs", self.name);
        Error { class: Class::Local, operation: "lambda:Invoke".to_owned(), ..Error::local(message).with_help(help) }
    }
}
