//! Counts the resources that were read, and reports the count.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::events::{Event, Observer};

/// How many resources are read at once.
pub(super) const READS: usize = 24;

/// The progress of reading resources.
pub(super) struct Progress<'a> {
    observer: &'a dyn Observer,
    total: usize,
    done: AtomicUsize,
}

impl<'a> Progress<'a> {
    pub fn new(observer: &'a dyn Observer, total: usize) -> Self {
        Progress { observer, total, done: AtomicUsize::new(0) }
    }

    /// Counts one more.
    pub fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.observer.on(Event::Observed { done, total: self.total });
    }
}
