//! The lock of a state in a folder.
//!
//! It is a lock of the operating system (`flock`): it is released when its process dies. The text of the file only tells people who
//! holds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::backend::Guard;
use super::error::{Result, StateError};

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// How often the file is read again until its holder has written its name.
const ATTEMPTS: u32 = 40;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

impl Drop for Lock {
    fn drop(&mut self) {
        // The next holder mustn't be taken for this one before it has written its name.
        let _ = self.file.set_len(0);
        // A forked child may still have the file open: closing alone wouldn't release the lock.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock, or fails with its holder. `purpose` is the command, shown to those who wait.
    pub fn take(path: &Path, purpose: &str) -> Result<Self> {
        let name = path.display().to_string();
        let io = |what| {
            let path = name.clone();
            move |source| StateError::Io { what, path, source: Arc::new(source) }
        };
        let opened = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
        let mut file = opened.map_err(io("can't open the lock"))?;
        let mut attempts = 0;
        while let Err(error) = file.try_lock() {
            if let TryLockError::Error(source) = error {
                return Err(io("can't take the lock")(source));
            }
            let holder = fs::read_to_string(path).map_err(io("can't read the lock"))?;
            if attempts == ATTEMPTS || is_alive(&holder) {
                return Err(StateError::Locked { path: name, holder: holder.trim().to_owned() });
            }
            // A run has just taken the lock and hasn't written its name yet.
            attempts += 1;
            std::thread::sleep(PAUSE);
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

/// The holder, by the text of the lock file; `None` if nobody holds the lock.
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

/// True if the text of a lock file names a living process. A text of a dead process isn't the holder's.
fn is_alive(holder: &str) -> bool {
    let process = holder.rsplit_once(", process ").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
    let process = process.and_then(Pid::from_raw);
    process.is_some_and(|process| test_kill_process(process) != Err(Errno::SRCH))
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
