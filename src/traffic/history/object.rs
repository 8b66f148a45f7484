//! A history in S3: one object, replaced as a whole if it hasn't changed since it was read.

use std::sync::{Arc, Mutex};

use super::chain::{self, Fault};
use super::{Actor, Entry, HistoryError};
use crate::state::S3Object;
use crate::traffic::event::TrafficEvent;

/// A history in an object. Clones share the text that was read last.
#[derive(Clone, Debug)]
pub struct ObjectLog {
    object: S3Object,
    /// The text that was read or written last, and its version.
    cached: Arc<Mutex<Option<(String, String)>>>,
}

/// How many times an append is attempted if others write at the same time.
const ATTEMPTS: u32 = 20;

impl ObjectLog {
    /// The history in this object.
    pub fn at(object: S3Object) -> Self {
        ObjectLog { object, cached: Arc::default() }
    }

    /// Appends an event. The entry is durable when this returns.
    pub async fn append(&self, by: &Actor, event: TrafficEvent, reason: Option<&str>) -> Result<Entry, HistoryError> {
        let mut cached = self.cached();
        for _ in 0..ATTEMPTS {
            let (text, version) = match cached.take() {
                Some((text, version)) => (text, Some(version)),
                None => {
                    self.object.read().await?.map_or((String::new(), None), |(text, version)| (text, Some(version)))
                }
            };
            let (entries, _) = chain::parse(text.as_bytes()).map_err(|fault| self.fault(fault))?;
            let mut entry = Entry::after(entries.last(), by, event.clone(), reason);
            let text = text + &chain::seal(&mut entry);
            if let Some(version) = self.object.write(&text, version.as_deref()).await? {
                self.cache(Some((text, version)));
                return Ok(entry);
            }
        }
        self.cache(None);
        Err(HistoryError::Locked { path: self.object.url() })
    }

    /// The whole text.
    pub async fn text(&self) -> Result<Vec<u8>, HistoryError> {
        let read = self.object.read().await?;
        self.cache(read.clone());
        Ok(read.map(|(text, _)| text.into_bytes()).unwrap_or_default())
    }

    /// The URL of the object.
    pub fn url(&self) -> String {
        self.object.url()
    }

    fn cached(&self) -> Option<(String, String)> {
        self.cached.lock().expect("no panic holds this lock").clone()
    }

    fn cache(&self, text: Option<(String, String)>) {
        *self.cached.lock().expect("no panic holds this lock") = text;
    }

    fn fault(&self, fault: Fault) -> HistoryError {
        fault.in_history(self.url())
    }
}
