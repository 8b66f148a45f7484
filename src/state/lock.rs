//! The lock that keeps two runs from one state.
//!
//! The operating system holds it (`flock`), so it frees itself when its process dies, however it dies. The file's text
//! only tells people who is at work.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::file::StateError;
use super::store::{Guard, Result};

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// How often one that has taken the lock is asked who it is, if it doesn't say so at once.
const TRIES: u32 = 40;
/// How long is waited between.
const PAUSE: Duration = Duration::from_millis(50);

impl Drop for Lock {
    fn drop(&mut self) {
        // Whoever takes it next may be asked who it is before it says so.
        let _ = self.file.set_len(0);
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
        let mut tries = 0;
        while let Err(error) = file.try_lock() {
            if let TryLockError::Error(source) = error {
                return Err(io("can't take the lock")(source));
            }
            let holder = fs::read_to_string(path).map_err(io("can't read the lock"))?;
            if tries == TRIES || is_alive(&holder) {
                return Err(StateError::Locked { path: name, holder: holder.trim().to_owned() });
            }
            // Somebody has taken it this very moment, and hasn't said so yet.
            tries += 1;
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

/// False if the text of a lock is of nobody, or of a process that has died: then it isn't the holder's.
fn is_alive(holder: &str) -> bool {
    let process = holder.rsplit_once(", process ").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
    let process = process.and_then(Pid::from_raw);
    process.is_some_and(|process| test_kill_process(process) != Err(Errno::SRCH))
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
