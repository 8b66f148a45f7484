//! Customers: payments at a steady rate through a sandbox's front door, logged with the environment that answered and the time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::MissedTickBehavior;

use super::Sandbox;
use super::http::Request;

/// Tells all payments of this process apart.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// One payment, sent and answered.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The host that it was sent to.
    pub host: String,
    /// When it was sent.
    pub started: Timestamp,
    /// The HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// The environment in the response.
    pub environment: Option<String>,
}

impl Exchange {
    /// True unless the payment was accepted.
    pub fn failed(&self) -> bool {
        self.status != Some(202)
    }

    fn by(&self, environment: &str) -> bool {
        self.environment.as_deref() == Some(environment)
    }
}

/// A new payment.
pub fn payment() -> Request {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let body = json!({
        "merchantId": "m-1", "amountMinor": 100 + number, "currency": "EUR", "paymentToken": "tok_abcdefgh12345678",
    });
    Request::post("/payments", body).header("Idempotency-Key", &format!("load-{}-{number}", std::process::id()))
}

/// Sends payments until it is stopped, by the clock and not one after the other: a service that gets slow gets as many.
/// It has its own thread, so that the test can't delay it.
pub struct Load {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Exchange>>>,
    sender: Option<JoinHandle<()>>,
}

impl Load {
    /// Sends this many payments per second, to the hosts in turn.
    pub fn start(sandbox: &Arc<Sandbox>, hosts: &[String], per_second: u32) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let sending =
            Sending { sandbox: sandbox.clone(), hosts: hosts.to_vec(), stop: stop.clone(), seen: Arc::clone(&seen) };
        let period = Duration::from_secs(1) / per_second;
        let sender = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime of its own").block_on(sending.send_every(period));
        });
        Load { stop, seen, sender: Some(sender) }
    }

    /// The responses so far.
    pub fn log(&self) -> Log {
        Log(self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Stops sending, waits for the responses, and returns all of them.
    pub fn stop(mut self) -> Log {
        self.stop.store(true, Ordering::Relaxed);
        let sender = self.sender.take().expect("it is stopped once");
        sender.join().expect("sending doesn't panic");
        self.log()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Sending {
    sandbox: Arc<Sandbox>,
    hosts: Vec<String>,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Exchange>>>,
}

impl Sending {
    async fn send_every(self, period: Duration) {
        let mut clock = tokio::time::interval(period);
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut in_progress = Vec::new();
        for host in self.hosts.iter().cycle() {
            clock.tick().await;
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let (sandbox, seen, host) = (self.sandbox.clone(), self.seen.clone(), host.clone());
            in_progress.push(tokio::spawn(async move {
                let started = Timestamp::now();
                // A request that can't be sent panics, which ends this request only.
                let sent = tokio::spawn({
                    let host = host.clone();
                    async move { sandbox.send(&host, &payment()).await }
                });
                let answer = sent.await.ok();
                let status = answer.as_ref().map(|answer| answer.status);
                let environment = answer.and_then(|answer| answer.header("X-Environment").map(str::to_owned));
                let exchange = Exchange { host, started, status, environment };
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
            }));
        }
        futures::future::join_all(in_progress).await;
    }
}

/// The payments of a [`Load`].
#[derive(Clone, Debug)]
pub struct Log(Vec<Exchange>);

impl Log {
    /// How many there were.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many were sent to this host.
    pub fn to(&self, host: &str) -> usize {
        self.0.iter().filter(|exchange| exchange.host == host).count()
    }

    /// Those that weren't accepted.
    pub fn failed(&self) -> Vec<&Exchange> {
        self.0.iter().filter(|exchange| exchange.failed()).collect()
    }

    /// Fails with a list unless every payment was accepted, and there were at least this many.
    pub fn assert_all_accepted(&self, least: usize) {
        let failed = self.failed();
        assert!(failed.is_empty(), "{} of {} payments failed: {failed:#?}", failed.len(), self.len());
        assert!(self.len() >= least, "only {} payments were sent, not {least}", self.len());
    }

    /// How many of those that were sent in this time blue and green answered.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> (usize, usize) {
        let then = |exchange: &&Exchange| exchange.started >= from && exchange.started < to;
        let count = |environment| self.0.iter().filter(then).filter(|exchange| exchange.by(environment)).count();
        (count("blue"), count("green"))
    }

    /// When the last payment was sent that green answered.
    pub fn last_sent_to_green(&self) -> Option<Timestamp> {
        self.0.iter().filter(|exchange| exchange.by("green")).map(|exchange| exchange.started).max()
    }
}
