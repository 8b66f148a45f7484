//! Counts and logs every HTTP request to AWS, retries included. The count is `api_calls` in the summary.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// A counter of requests.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<AtomicU64>);

impl Calls {
    /// The number so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// A client whose requests are counted.
    pub fn counting(&self, client: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(CountingClient { client, calls: self.clone() })
    }
}

#[derive(Debug)]
struct CountingClient {
    client: SharedHttpClient,
    calls: Calls,
}

impl HttpClient for CountingClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(CountingConnector { connector, calls: self.calls.clone() })
    }
}

#[derive(Debug)]
struct CountingConnector {
    connector: SharedHttpConnector,
    calls: Calls,
}

impl HttpConnector for CountingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.calls.0.fetch_add(1, Ordering::Relaxed);
        let what = describe(&request);
        let answer = self.connector.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            match &answer {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    tracing::debug!(
                        call = what,
                        status,
                        request_id = request_id(answer).unwrap_or_default(),
                        "answered"
                    );
                }
                Err(error) => tracing::debug!(call = what, %error, "no answer"),
            }
            answer
        })
    }
}

/// Operation (if a header has it) and URL. Never the body: it may contain a password.
fn describe(request: &HttpRequest) -> String {
    let operation = request.headers().get("x-amz-target").unwrap_or(request.method());
    let uri = request.uri().split('?').next().unwrap_or_default();
    format!("{operation} {uri}")
}

/// AWS's request id: AWS Support asks for it.
pub fn request_id(answer: &HttpResponse) -> Option<&str> {
    let names = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"];
    names.iter().find_map(|name| answer.headers().get(*name))
}
