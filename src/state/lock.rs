//! The lock that keeps two runs from one state.
//!
//! The operating system holds it (`flock`), so it frees itself when its process dies, however it dies. The file's text
//! only tells people who is at work.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::file::StateError;
use super::store::{Guard, Result};

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing isn't enough while a child that was just forked still has the file open.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock or says who holds it. `purpose` is the command, for the one who has to wait.
    pub fn take(path: &Path, purpose: &str) -> Result<Self> {
        let name = path.display().to_string();
        let io = |what| {
            let path = name.clone();
            move |source| StateError::Io { what, path, source: Arc::new(source) }
        };
        let opened = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
        let mut file = opened.map_err(io("can't open the lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io("can't read the lock"))?;
                return Err(StateError::Locked { path: name, holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(io("can't take the lock")(source)),
        }
        let text = format!("`{purpose}`, process {}, since {}\n", std::process::id(), now());
        let written = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(io("can't write the lock"))?;
        Ok(Lock { file })
    }
}

#[async_trait]
impl Guard for Lock {
    async fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// What a lock's file says of its holder; `None` if nobody holds it.
pub fn holder(path: &Path) -> std::io::Result<Option<String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            Ok(Some(holder.trim().to_owned()))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
