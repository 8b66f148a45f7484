//! Reads that are made once a run: a page of a list call answers for every step of its type.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::error::Result;

type Slot = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

/// What was read in one region in this run. It tells what stood when the run began; what the run itself makes is known
/// from the answers to its creates.
#[derive(Default)]
pub struct Inventory {
    slots: Mutex<HashMap<String, Slot>>,
}

impl Inventory {
    /// What `load` gives for `key`, called at most once a run however many ask for it. A failed read is not kept.
    ///
    /// # Panics
    /// If the same key is used for two types.
    pub async fn once<T, F>(&self, key: impl Into<String>, load: F) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>>,
    {
        let slot = self.slots.lock().expect("no panic holds this lock").entry(key.into()).or_default().clone();
        let value = slot.get_or_try_init(|| async { load.await.map(|v| Arc::new(v) as Arc<dyn Any + Send + Sync>) });
        Ok(value.await?.clone().downcast::<T>().expect("an inventory key has one type"))
    }
}

impl std::fmt::Debug for Inventory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inventory")
    }
}
