//! Waits until a resource is ready or gone, or until AWS accepts a call.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::cx::Cx;
use super::error::{Class, Error, Result};

/// The pace and the limit of a wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The pause between two reads; shorter in a sandbox.
    pub poll: Duration,
    /// When to give up.
    pub limit: Duration,
}

impl Patience {
    /// For a resource that isn't visible everywhere yet (a new role or key): polls every 2 s, gives up after a minute.
    pub const FRESH: Patience = Patience { poll: Duration::from_secs(2), limit: Duration::from_secs(60) };
    /// For what takes seconds: polls every 2 s, gives up after 5 minutes.
    pub const SHORT: Patience = Patience { poll: Duration::from_secs(2), limit: Duration::from_secs(300) };
    /// For what takes minutes: polls every 10 s, gives up after 60 minutes.
    pub const LONG: Patience = Patience { poll: Duration::from_secs(10), limit: Duration::from_secs(3600) };
}

impl Cx {
    /// Calls `read` until it returns a value, and reports that the step waits for `what`. Tolerates a minute of failing reads: a new
    /// resource isn't visible everywhere at once, and a long wait meets outages.
    pub async fn wait_until<T, F>(&self, what: &str, patience: Patience, mut read: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let start = Instant::now();
        let mut last_answer = start;
        let mut reported = false;
        loop {
            match read().await {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => last_answer = Instant::now(),
                Err(error) if !is_transient(&error) => return Err(error),
                Err(error) => {
                    let is_expired = start.elapsed() >= patience.limit;
                    if is_expired || last_answer.elapsed() >= self.limit(Patience::FRESH) {
                        return Err(error);
                    }
                }
            }
            if start.elapsed() >= patience.limit {
                let minutes = patience.limit.as_secs() / 60;
                let mut error = Error::local(format!("still waiting for {what} after {minutes} minutes"));
                error.class = Class::Retryable;
                return Err(error);
            }
            if !std::mem::replace(&mut reported, true) {
                self.waiting(what);
            }
            sleep(self.pause(patience.poll)).await;
        }
    }

    /// Repeats the call while AWS returns [`Class::Retryable`]: a dependent isn't deleted yet, or a dependency isn't ready yet.
    pub async fn retry_while_retryable<T, F>(&self, what: &str, call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.retry_while(what, Patience::SHORT, |error| error.class == Class::Retryable, call).await
    }

    /// [`Cx::retry_while_retryable`], and for a minute also while AWS returns [`Class::NotFound`]: a new resource isn't visible
    /// everywhere at once.
    pub async fn retry_while_new<T, F>(&self, what: &str, call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let start = Instant::now();
        let passing = |error: &Error| match error.class {
            Class::Retryable => true,
            Class::NotFound => start.elapsed() < self.limit(Patience::FRESH),
            _ => false,
        };
        self.retry_while(what, Patience::SHORT, passing, call).await
    }

    /// Repeats the call while AWS returns an error that `passing` accepts as temporary.
    pub async fn retry_while<T, F>(
        &self,
        what: &str,
        patience: Patience,
        passing: impl Fn(&Error) -> bool,
        mut call: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let start = Instant::now();
        let mut reported = false;
        loop {
            match call().await {
                Err(error) if passing(&error) && start.elapsed() < self.limit(patience) => {
                    if !std::mem::replace(&mut reported, true) {
                        self.waiting(what);
                    }
                    sleep(self.pause(patience.poll)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// The pause between two reads; short in a sandbox.
    pub(crate) fn pause(&self, poll: Duration) -> Duration {
        if self.is_sandbox() { Duration::from_millis(200).min(poll) } else { poll }
    }

    /// The limit of a wait; short in a sandbox, whose delays are scaled down.
    pub(crate) fn limit(&self, patience: Patience) -> Duration {
        if self.is_sandbox() { patience.limit.min(Duration::from_secs(20)) } else { patience.limit }
    }
}

/// The error says nothing about the progress of the resource.
fn is_transient(error: &Error) -> bool {
    matches!(error.class, Class::NotFound | Class::Throttled | Class::OutcomeUnknown)
}

/// `None` for a resource that doesn't exist, for waits until it is gone.
pub fn ignore_not_found<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
