//! Reads that are made once a run: a page of a list call answers for every step of its type.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::error::{Class, Result};

type Slot = Arc<OnceCell<Result<Arc<dyn Any + Send + Sync>>>>;

/// What was read in one region in this run. It tells what stood when the run began; what the run itself makes is known
/// from the answers to its creates.
#[derive(Default)]
pub struct Inventory {
    slots: Mutex<HashMap<String, Slot>>,
}

impl Inventory {
    /// What `load` gives for `key`, called at most once a run however many ask for it. A failed read is kept only if AWS
    /// has refused it for good.
    ///
    /// # Panics
    /// If the same key is used for two types.
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
    async fn a_read_that_fails_is_made_again_unless_aws_has_refused_it_for_good() {
        for (class, wanted) in
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
            assert_eq!(reads.load(Ordering::Relaxed), wanted, "{class:?}");
        }
    }
}
