//! Waits for what AWS creates and deletes in the background.

use std::future::Future;

use crate::aws::wait::Patience;
use crate::aws::{Cx, Error, Result};

/// The progress of a creation or deletion.
#[derive(Debug)]
pub enum Progress {
    /// AWS doesn't list the resource: not yet, or no longer.
    Unlisted,
    /// The creation or deletion isn't complete.
    Pending,
    /// The resource can be used.
    Ready,
    /// The resource failed or was deleted, and is still listed. Contains AWS's reason.
    Ended(String),
}

impl Progress {
    /// The progress of the only item of a list, read from its state by `of`.
    pub fn of<T>(list: Vec<T>, of: impl FnOnce(&T) -> Self) -> Self {
        list.first().map_or(Progress::Unlisted, of)
    }
}

/// Waits until `what` can be used.
pub async fn until_ready<F>(cx: &Cx, what: &str, look: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = Result<Progress>>,
{
    let look = || async {
        match look().await? {
            Progress::Ready => Ok(Some(())),
            Progress::Unlisted | Progress::Pending => Ok(None),
            Progress::Ended(reason) => Err(Error::local(format!("AWS couldn't create {what}: {reason}"))
                .with_help("fix the cause that AWS names, then run the same command again")),
        }
    };
    cx.wait_until(&format!("{what} to become available"), Patience::LONG, look).await
}

/// Waits until `what` is deleted.
pub async fn until_gone<F>(cx: &Cx, what: &str, look: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = Result<Progress>>,
{
    let look = || async { Ok(matches!(look().await?, Progress::Unlisted | Progress::Ended(_)).then_some(())) };
    cx.wait_until(&format!("{what} to be deleted"), Patience::LONG, look).await
}
