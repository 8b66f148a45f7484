//! Reads that are made once in a run: one list call serves all steps of a type.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::error::{Class, Result};

type Slot = Arc<OnceCell<Result<Arc<dyn Any + Send + Sync>>>>;

/// The reads of a run in one region. They show what existed when the run started; the responses to creates have the rest.
#[derive(Default)]
pub struct Inventory {
    slots: Mutex<HashMap<String, Slot>>,
}

impl Inventory {
    /// The result of `load` for `key`, which is called once in a run, however many callers there are. Of failed reads, only
    /// permanent refusals are kept.
    ///
    /// # Panics
    /// If one key is used for two types.
    pub async fn once<T, F>(&self, key: impl Into<String>, load: F) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>>,
    {
        let slot = self.slots.lock().expect("no panic holds this lock").entry(key.into()).or_default().clone();
        let read = || async {
            match load.await {
                Ok(value) => Ok(Ok(Arc::new(value) as Arc<dyn Any + Send + Sync>)),
                Err(error) if matches!(error.class, Class::Denied | Class::Invalid) => Ok(Err(error)),
                Err(error) => Err(error),
            }
        };
        let value = slot.get_or_try_init(read).await?.clone()?;
        Ok(value.downcast::<T>().expect("an inventory key has one type"))
    }
}

impl std::fmt::Debug for Inventory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inventory")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::aws::Error;

    #[tokio::test]
    async fn failed_reads_are_repeated_unless_refused() {
        for (class, expected) in
            [(Class::Denied, 1), (Class::Invalid, 1), (Class::Throttled, 3), (Class::OutcomeUnknown, 3)]
        {
            let (inventory, reads) = (Inventory::default(), AtomicUsize::new(0));
            let read = || async {
                reads.fetch_add(1, Ordering::Relaxed);
                let mut error = Error::local("no");
                error.class = class;
                Err::<u32, _>(error)
            };
            for _ in 0..3 {
                assert_eq!(inventory.once("things", read()).await.unwrap_err().class, class);
            }
            assert_eq!(reads.load(Ordering::Relaxed), expected, "{class:?}");
        }
    }
}
