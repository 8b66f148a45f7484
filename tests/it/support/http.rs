//! HTTP to a sandbox's front door, where the Host header selects the load balancer.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Sandbox;

/// The first call of a function waits for Node.js, and where that is new for the download of the AWS SDK.
const LIMIT: Duration = Duration::from_secs(120);

/// A request of a client.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    /// `GET` of a path, with a query if there is one.
    pub fn get(target: &str) -> Self {
        Request { method: "GET".to_owned(), target: target.to_owned(), headers: Vec::new(), body: String::new() }
    }

    /// `POST` of JSON, or of a text that says so.
    pub fn post(target: &str, body: impl ToString) -> Self {
        let request = Request { method: "POST".to_owned(), body: body.to_string(), ..Request::get(target) };
        request.header("Content-Type", "application/json")
    }

    /// With a header more.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// The response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

impl Sandbox {
    /// Sends a request to whatever load balancer answers for `host`: `name` or `name:port`.
    pub async fn send(&self, host: &str, request: &Request) -> Response {
        let exchange = exchange(self.front_door_port(), host, request);
        let answered = tokio::time::timeout(LIMIT, exchange).await;
        let raw = answered.unwrap_or_else(|_| panic!("{host} doesn't answer {request:?}"));
        parse(&raw.unwrap_or_else(|error| panic!("{host} can't be asked ({error}): {request:?}")))
    }
}

async fn exchange(port: u16, host: &str, request: &Request) -> std::io::Result<String> {
    let Request { method, target, headers, body } = request;
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(text.as_bytes()).await?;
    let mut raw = String::new();
    stream.read_to_string(&mut raw).await?;
    Ok(raw)
}

/// The front door closes the connection, so the body is the rest.
fn parse(raw: &str) -> Response {
    let (head, body) = raw.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP response: {raw:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no HTTP status: {raw:?}"));
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    Response { status, headers: lines.filter_map(header).collect(), body: body.to_owned() }
}
