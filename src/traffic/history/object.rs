//! A history in S3: one object, replaced whole and only by who has read the one before.

use std::sync::{Arc, Mutex};

use super::chain::{self, Fault};
use super::{By, Entry, HistoryError};
use crate::state::S3Object;
use crate::traffic::event::TrafficEvent;

/// A history in an object. Copies share what they know of it.
#[derive(Clone, Debug)]
pub struct ObjectLog {
    object: S3Object,
    /// The text that was read or written last, and which write it is.
    seen: Arc<Mutex<Option<(String, String)>>>,
}

/// How often an entry is tried that others are faster than.
const TRIES: u32 = 20;

impl ObjectLog {
    /// The history on a object.
    pub fn at(object: S3Object) -> Self {
        ObjectLog { object, seen: Arc::default() }
    }

    /// Appends what happened; it is kept when this returns.
    pub async fn append(&self, by: &By, what: TrafficEvent, why: Option<&str>) -> Result<Entry, HistoryError> {
        let mut seen = self.seen();
        for _ in 0..TRIES {
            let (text, version) = match seen.take() {
                Some((text, version)) => (text, Some(version)),
                None => {
                    self.object.read().await?.map_or((String::new(), None), |(text, version)| (text, Some(version)))
                }
            };
            let (entries, _) = chain::parse(text.as_bytes()).map_err(|fault| self.fault(fault))?;
            let mut entry = Entry::after(entries.last(), by, what.clone(), why);
            let text = text + &chain::seal(&mut entry);
            if let Some(version) = self.object.write(&text, version.as_deref()).await? {
                self.keep(Some((text, version)));
                return Ok(entry);
            }
        }
        self.keep(None);
        Err(HistoryError::Busy { path: self.object.url() })
    }

    /// All of its text, read now.
    pub async fn text(&self) -> Result<Vec<u8>, HistoryError> {
        let read = self.object.read().await?;
        self.keep(read.clone());
        Ok(read.map(|(text, _)| text.into_bytes()).unwrap_or_default())
    }

    /// How people find it.
    pub fn url(&self) -> String {
        self.object.url()
    }

    fn seen(&self) -> Option<(String, String)> {
        self.seen.lock().expect("no panic holds this lock").clone()
    }

    fn keep(&self, seen: Option<(String, String)>) {
        *self.seen.lock().expect("no panic holds this lock") = seen;
    }

    fn fault(&self, fault: Fault) -> HistoryError {
        fault.in_history(self.url())
    }
}
