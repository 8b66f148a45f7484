//! An expensive value that several tests read: created by the first that needs it, dropped when the test process ends.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, Once};

/// A value that is created once. For a `static`.
pub struct Shared<T>(tokio::sync::Mutex<Made<T>>);

enum Made<T> {
    NotYet,
    Trying,
    Done(Arc<T>),
}

type Ending = Box<dyn FnOnce() + Send>;

/// Statics are never dropped: these drop their values when the process ends.
static ENDINGS: Mutex<Vec<Ending>> = Mutex::new(Vec::new());

unsafe extern "C" {
    safe fn atexit(callback: extern "C" fn()) -> c_int;
}

extern "C" fn end() {
    let endings = ENDINGS.lock().map(|mut endings| std::mem::take(&mut *endings)).unwrap_or_default();
    endings.into_iter().for_each(|ending| ending());
}

impl<T: Send + Sync> Shared<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Shared(tokio::sync::Mutex::const_new(Made::NotYet))
    }

    /// The value, created by the first caller. A failed creation isn't repeated, since it takes long.
    pub async fn get(&'static self, make: impl AsyncFnOnce() -> T) -> Arc<T> {
        static REGISTERED: Once = Once::new();
        let mut made = self.0.lock().await;
        match &*made {
            Made::Done(value) => return value.clone(),
            Made::Trying => panic!("its creation failed: see the first failed test"),
            Made::NotYet => *made = Made::Trying,
        }
        let value = Arc::new(make().await);
        *made = Made::Done(value.clone());
        REGISTERED.call_once(|| assert_eq!(atexit(end), 0));
        let forget = move || {
            if let Ok(mut made) = self.0.try_lock() {
                *made = Made::NotYet;
            }
        };
        ENDINGS.lock().expect("no panic holds this lock").push(Box::new(forget));
        value
    }
}
