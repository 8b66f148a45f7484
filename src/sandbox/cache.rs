//! The cache folder of the sandbox: locks, and atomic creation of folders.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::error::{Result, SandboxError};

/// `$XDG_CACHE_HOME/provisioner/sandbox`, else `~/.cache/provisioner/sandbox`.
pub fn root() -> Result<PathBuf> {
    // The XDG specification requires relative paths to be ignored.
    let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = xdg.or_else(|| std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".cache")));
    Ok(cache.ok_or(SandboxError::NoCache)?.join("provisioner").join("sandbox"))
}

/// Creates a folder with its parents.
pub fn folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(SandboxError::io("can't create", path))
}

/// Takes the lock, and waits if another process has it. Dropping the file releases it.
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

/// Creates a folder atomically: `fill` writes it under another name, then it is renamed. The caller must have the lock, so
/// leftovers of an interrupted run can be removed.
pub fn create_atomically(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let unfinished = path.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(SandboxError::io("can't remove", &unfinished))?;
    }
    folder(&unfinished)?;
    fill(&unfinished)?;
    fs::rename(&unfinished, path).map_err(SandboxError::io("can't create", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_created_atomically() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("venv-1");
        let failed = create_atomically(&path, |unfinished| {
            fs::write(unfinished.join("half"), "").unwrap();
            Err(SandboxError::NoCache)
        });
        assert!(failed.is_err() && !path.exists());

        create_atomically(&path, |unfinished| {
            assert!(!unfinished.join("half").exists(), "leftovers of a failed run are removed");
            fs::write(unfinished.join("all"), "").map_err(SandboxError::io("can't write", unfinished))
        })
        .unwrap();
        assert!(path.join("all").exists());

        create_atomically(&path, |_| panic!("it exists already")).unwrap();
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
    }

    #[test]
    fn second_lock_waits_and_reports_it() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("lock");
        let first = lock(&path, &|_| panic!("the lock is free")).unwrap();
        std::thread::scope(|scope| {
            let (sender, reported) = std::sync::mpsc::channel();
            let path = &path;
            let second = scope.spawn(move || lock(path, &|_| sender.send(()).unwrap()).is_ok());
            reported.recv().unwrap();
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
