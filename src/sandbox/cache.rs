//! The folder that keeps what the sandbox needs between commands, and how things come into it whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::error::{Result, SandboxError};

/// `$XDG_CACHE_HOME/provisioner/sandbox`, else `~/.cache/provisioner/sandbox`.
pub fn root() -> Result<PathBuf> {
    // The XDG specification has relative paths ignored.
    let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = xdg.or_else(|| std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".cache")));
    Ok(cache.ok_or(SandboxError::NoCache)?.join("provisioner").join("sandbox"))
}

/// Makes a folder with its parents.
pub fn folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(SandboxError::io("can't make", path))
}

/// Takes the lock of this name, waiting for whoever has it; dropping the file frees it.
pub fn lock(path: &Path, progress: &dyn Fn(&str)) -> Result<File> {
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = opened.map_err(SandboxError::io("can't open the lock", path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => progress("Waiting for another provisioner that starts the sandbox"),
        Err(TryLockError::Error(source)) => return Err(SandboxError::io("can't take the lock", path)(source)),
    }
    file.lock().map_err(SandboxError::io("can't take the lock", path))?;
    Ok(file)
}

/// A folder that is there whole or not at all: `fill` makes it under another name, and a rename gives it its own.
/// The caller holds a lock, so what an interrupted run left under the other name is nobody's.
pub fn whole(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let unfinished = path.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(SandboxError::io("can't remove", &unfinished))?;
    }
    folder(&unfinished)?;
    fill(&unfinished)?;
    fs::rename(&unfinished, path).map_err(SandboxError::io("can't make", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("venv-1");
        let failed = whole(&path, |unfinished| {
            fs::write(unfinished.join("half"), "").unwrap();
            Err(SandboxError::NoCache)
        });
        assert!(failed.is_err() && !path.exists());

        whole(&path, |unfinished| {
            assert!(!unfinished.join("half").exists(), "what a failed run left is in the way");
            fs::write(unfinished.join("all"), "").map_err(SandboxError::io("can't write", unfinished))
        })
        .unwrap();
        assert!(path.join("all").exists());

        whole(&path, |_| panic!("it is there already")).unwrap();
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_holds_the_lock_and_the_next_is_told_that_it_waits() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("lock");
        let held = lock(&path, &|_| panic!("nobody else has it")).unwrap();
        std::thread::scope(|scope| {
            let (told, waits) = std::sync::mpsc::channel();
            let path = &path;
            let next = scope.spawn(move || lock(path, &|_| told.send(()).unwrap()).is_ok());
            waits.recv().unwrap();
            drop(held);
            assert!(next.join().unwrap());
        });
    }
}
