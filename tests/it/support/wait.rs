//! Waiting for something outside this process.

use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(20);

/// Calls `look` until it returns a value; `None` after `limit`.
pub async fn wait_for<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = look() {
            return Some(value);
        }
        if Instant::now() > deadline {
            return None;
        }
        tokio::time::sleep(POLL).await;
    }
}
