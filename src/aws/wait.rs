//! Waiting for AWS: until something is ready or gone, or until what blocks a call goes away.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::cx::Cx;
use super::error::{Class, Error, Result};

/// How a wait goes.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The pause between two looks on AWS; a sandbox is asked far more often.
    pub poll: Duration,
    /// When to give up.
    pub limit: Duration,
}

impl Patience {
    /// For what stands but isn't known everywhere yet (a fresh role or key): looks every 2 s, gives up after a minute.
    pub const FRESH: Patience = Patience { poll: Duration::from_secs(2), limit: Duration::from_secs(60) };
    /// For what takes seconds: looks every 2 s, gives up after 5 minutes.
    pub const SHORT: Patience = Patience { poll: Duration::from_secs(2), limit: Duration::from_secs(300) };
    /// For what takes minutes: looks every 10 s, gives up after 60 minutes.
    pub const LONG: Patience = Patience { poll: Duration::from_secs(10), limit: Duration::from_secs(3600) };
}

impl Cx {
    /// Asks `look` until it gives a value; tells whoever watches that the step waits for `what`. A minute without a proper
    /// answer is sat out: what was just made isn't known everywhere at once, and a wait of half an hour meets a bad minute.
    pub async fn wait_until<T, F>(&self, what: &str, patience: Patience, mut look: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let start = Instant::now();
        let mut answered = start;
        let mut told = false;
        loop {
            match look().await {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => answered = Instant::now(),
                Err(error) if !is_no_answer(&error) => return Err(error),
                Err(error) => {
                    let is_over = start.elapsed() >= patience.limit;
                    if is_over || answered.elapsed() >= self.limit(Patience::FRESH) {
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
            if !std::mem::replace(&mut told, true) {
                self.waiting(what);
            }
            sleep(self.pause(patience.poll)).await;
        }
    }

    /// Calls until AWS takes it, as long as it answers "not ready" (something that blocks it is still going away, or
    /// something that it needs is still on its way).
    pub async fn retry_while_retryable<T, F>(&self, what: &str, call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.retry_while(what, Patience::SHORT, |error| error.class == Class::Retryable, call).await
    }

    /// The same, and for a minute also as long as AWS doesn't know what the call names: that was just made, and isn't known
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

    /// Calls until AWS takes it, as long as it answers an error that `passing` says will pass.
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
        let mut told = false;
        loop {
            match call().await {
                Err(error) if passing(&error) && start.elapsed() < self.limit(patience) => {
                    if !std::mem::replace(&mut told, true) {
                        self.waiting(what);
                    }
                    sleep(self.pause(patience.poll)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// The pause between two looks; short in a sandbox.
    pub(crate) fn pause(&self, poll: Duration) -> Duration {
        if self.is_sandbox() { Duration::from_millis(200).min(poll) } else { poll }
    }

    /// Nothing passes by waiting in a sandbox whose creations are instant, short of a scaled delay.
    pub(crate) fn limit(&self, patience: Patience) -> Duration {
        if self.is_sandbox() { patience.limit.min(Duration::from_secs(20)) } else { patience.limit }
    }
}

/// It says nothing of how far something is.
fn is_no_answer(error: &Error) -> bool {
    matches!(error.class, Class::NotFound | Class::Throttled | Class::OutcomeUnknown)
}

/// `None` for something that isn't there, for waits until it is gone.
pub fn ignore_not_found<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error),
    }
}
