//! Waiting for what AWS makes and deletes in the background.

use std::future::Future;

use crate::aws::wait::Patience;
use crate::aws::{Cx, Error, Result};

/// How far something is.
#[derive(Debug)]
pub(super) enum Progress {
    /// AWS doesn't list it: not yet, or no longer.
    Unlisted,
    /// AWS works on it.
    Busy,
    /// It can be used.
    Ready,
    /// It has failed or was deleted, and is listed for a while; with AWS's reason.
    Ended(String),
}

impl Progress {
    /// The progress of the one item of a list; `of` tells it from its state.
    pub(super) fn of<T>(list: Vec<T>, of: impl FnOnce(&T) -> Self) -> Self {
        list.first().map_or(Progress::Unlisted, of)
    }
}

/// Waits until `what` can be used.
pub(super) async fn until_ready<F>(cx: &Cx, what: &str, look: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = Result<Progress>>,
{
    let look = || async {
        match look().await? {
            Progress::Ready => Ok(Some(())),
            Progress::Unlisted | Progress::Busy => Ok(None),
            Progress::Ended(why) => Err(Error::local(format!("AWS gave up on {what}: {why}"))
                .with_help("see to the reason that AWS gives, then run the same command again")),
        }
    };
    cx.wait_until(&format!("{what} to become available"), Patience::LONG, look).await
}

/// Waits until `what` is gone.
pub(super) async fn until_gone<F>(cx: &Cx, what: &str, look: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = Result<Progress>>,
{
    let look = || async { Ok(matches!(look().await?, Progress::Unlisted | Progress::Ended(_)).then_some(())) };
    cx.wait_until(&format!("{what} to go"), Patience::LONG, look).await
}
