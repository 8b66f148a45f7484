//! A local AWS for one test.

use std::collections::{BTreeMap, BTreeSet};

use provisioner::aws::{Cloud, Endpoint};
use provisioner::sandbox::Control;
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::Account;
use super::scripts;
use super::server::Server;

/// The environment variable that names another endpoint for all tests.
const ENDPOINT: &str = "PROVISIONER_TEST_ENDPOINT";

/// A local AWS: a server of this test's own, or the endpoint that `PROVISIONER_TEST_ENDPOINT` names.
pub struct Sandbox {
    at: At,
}

enum At {
    Own(Server),
    Elsewhere(String),
}

impl Sandbox {
    /// An empty one in which everything takes effect at once.
    pub async fn fresh() -> Self {
        Self::scaled(0.0).await
    }

    /// An empty one in which operations take as long as on AWS, divided by `time_scale`.
    pub async fn scaled(time_scale: f64) -> Self {
        let at = match elsewhere() {
            Some(endpoint) => At::Elsewhere(endpoint),
            None => At::Own(Server::empty(time_scale).await),
        };
        Sandbox { at }
    }

    /// False if the tests use an endpoint that isn't a sandbox of ours.
    pub fn can_be_forked() -> bool {
        elsewhere().is_none()
    }

    /// A copy with the same state. Changes in one don't reach the other.
    pub fn fork(&self) -> Self {
        Sandbox { at: At::Own(self.server().fork()) }
    }

    /// The URL that AWS calls go to.
    pub fn endpoint(&self) -> String {
        match &self.at {
            At::Own(server) => format!("http://127.0.0.1:{}", server.port),
            At::Elsewhere(endpoint) => endpoint.clone(),
        }
    }

    /// The port for `--sandbox-port`; `None` if the endpoint isn't a sandbox of ours.
    pub fn port(&self) -> Option<u16> {
        match &self.at {
            At::Own(server) => Some(server.port),
            At::Elsewhere(_) => None,
        }
    }

    /// The port that takes HTTP for any load balancer.
    pub fn front_door_port(&self) -> u16 {
        self.server().front_door_port
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.server().pid()
    }

    /// The library's way into this AWS.
    pub async fn cloud(&self) -> Cloud {
        Cloud::open(Endpoint::Sandbox { port: self.server().port }).await
    }

    /// The control calls.
    pub fn control(&self) -> Control {
        Control::new(self.server().port)
    }

    fn server(&self) -> &Server {
        match &self.at {
            At::Own(server) => server,
            At::Elsewhere(endpoint) => {
                panic!(
                    "this test steers the sandbox, and {ENDPOINT} ({endpoint}) is none: run it without that variable"
                )
            }
        }
    }

    /// Arms a fault.
    pub fn inject(&self, fault: &Fault) {
        self.control().call("POST", "faults", Some(&fault.0)).expect("the fault is taken");
    }

    /// Disarms all faults.
    pub fn clear_faults(&self) {
        self.control().call("DELETE", "faults", None).expect("the faults are cleared");
    }

    /// The AWS calls since the start, or since [`forget_calls`](Self::forget_calls).
    pub fn calls(&self) -> Vec<Call> {
        let calls = self.control().call("GET", "calls", None).expect("the list of calls");
        serde_json::from_value(calls).expect("the calls have their known shape")
    }

    /// How often this operation was called: `("ec2", "CreateVpc")`.
    pub fn count(&self, service: &str, operation: &str) -> usize {
        let named = |call: &&Call| call.service == service && call.operation.as_deref() == Some(operation);
        self.calls().iter().filter(named).count()
    }

    /// The changing calls, failed ones included: `ec2:CreateVpc`.
    pub fn changes(&self) -> Vec<String> {
        let changes = self.calls().into_iter().filter(Call::is_change);
        changes.map(|call| format!("{}:{}", call.service, call.operation.unwrap_or_default())).collect()
    }

    /// The regions of those calls.
    pub fn changed_regions(&self) -> BTreeSet<String> {
        self.calls().into_iter().filter(Call::is_change).map(|call| call.region).collect()
    }

    /// Clears the list of calls.
    pub fn forget_calls(&self) {
        self.control().call("DELETE", "calls", None).expect("the calls are forgotten");
    }

    /// Maps host names to a server on this machine, for functions: `port` on loopback, with a certificate signed by `ca`
    /// (PEM).
    pub fn map_hosts(&self, names: &[&str], port: u16, ca: &str) {
        let mut hosts = self.control().call("GET", "hosts", None).expect("the list of hosts");
        for name in names {
            hosts[*name] = json!({ "host": "127.0.0.1", "port": port, "ca": ca });
        }
        self.control().call("PUT", "hosts", Some(&hosts)).expect("the hosts are taken");
    }

    /// Advances AWS's clock by this many seconds.
    pub fn advance(&self, seconds: u32) {
        self.control().call("POST", "advance", Some(&json!({ "seconds": seconds }))).expect("the time is advanced");
    }

    /// Runs Python with boto3 against this AWS; returns the JSON that it prints, `Null` if it prints nothing.
    pub async fn python(&self, code: &str) -> Value {
        scripts::run(&["-c", code], &self.credentials()).await
    }

    /// Runs a Python file of `tests/it/support/python`.
    pub async fn python_file(&self, name: &str, arguments: &[&str]) -> Value {
        let file = scripts::folder().join(name);
        let mut all = vec![file.to_str().expect("a path in UTF-8")];
        all.extend(arguments);
        scripts::run(&all, &self.credentials()).await
    }

    /// The environment variables with which any AWS SDK uses this AWS.
    pub fn credentials(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
        ])
    }

    /// All resources in these regions and the global ones, as boto3 lists them.
    pub async fn account(&self, regions: &[&str]) -> Account {
        let found = self.python_file("account.py", regions).await;
        serde_json::from_value(found).expect("the account has its known shape")
    }
}

fn elsewhere() -> Option<String> {
    std::env::var(ENDPOINT).ok().filter(|endpoint| !endpoint.is_empty())
}

/// One AWS call that the sandbox received.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// `ec2`
    pub service: String,
    /// `CreateVpc`; `None` if it is unknown.
    pub operation: Option<String>,
    /// `us-east-1`
    pub region: String,
    /// The HTTP status.
    pub status: u16,
    /// The error code, if it failed.
    pub code: Option<String>,
}

impl Call {
    /// True unless it only reads.
    fn is_change(&self) -> bool {
        let operation = self.operation.as_deref().unwrap_or_default();
        !["Describe", "Get", "List", "Head"].iter().any(|question| operation.starts_with(question))
    }
}

/// An error response, returned once by default.
#[derive(Clone, Debug)]
pub struct Fault(Value);

impl Fault {
    /// The next call of `operation` fails with `code`: `Fault::new("ec2", "CreateVpc", "VpcLimitExceeded")`.
    pub fn new(service: &str, operation: &str, code: &str) -> Self {
        Fault(json!({ "service": service, "operation": operation, "code": code }))
    }

    /// The HTTP status; 400 without.
    pub fn status(self, status: u16) -> Self {
        self.with("status", status.into())
    }

    /// This many calls fail.
    pub fn times(self, times: u32) -> Self {
        self.with("times", times.into())
    }

    /// Every call fails until the faults are cleared.
    pub fn forever(self) -> Self {
        self.with("times", (-1).into())
    }

    /// Only calls fail whose URL or body holds this text.
    pub fn matching(self, text: &str) -> Self {
        self.with("match", text.into())
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.0[key] = value;
        self
    }
}
