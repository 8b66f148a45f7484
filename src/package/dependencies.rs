//! The npm dependencies of the functions: installed once for each `package-lock.json`, in the user's cache folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::sources::{PACKAGE_JSON, PACKAGE_LOCK};
use super::{Error, Files};

/// Files that a function doesn't need at run time.
const UNUSED: [&str; 5] = [".d.ts", ".d.mts", ".d.cts", ".map", ".md"];

/// The folder with `node_modules`, installed if necessary. Concurrent runs wait for the one that installs.
pub(super) async fn installed() -> Result<PathBuf, Error> {
    let digest = Sha256::new().chain_update(PACKAGE_JSON).chain_update(PACKAGE_LOCK).finalize();
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let cache = cache()?;
    let folder = cache.join(&hash);
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache).map_err(in_file(&cache))?;
    let lock = cache.join(format!("{hash}.lock"));
    // Held until the end of this function, or until the process dies.
    let _lock = tokio::task::spawn_blocking(move || acquire(&lock)).await.expect("locking doesn't panic")?;
    if !folder.is_dir() {
        let partial = cache.join(format!("{hash}.partial"));
        install(&partial).await?;
        // A folder with the final name is complete.
        fs::rename(&partial, &folder).map_err(in_file(&folder))?;
    }
    Ok(folder)
}

/// The files of `node_modules` that a function needs at run time.
pub(super) fn files(folder: &Path) -> Result<Files, Error> {
    let mut files = Files::new();
    collect(&folder.join("node_modules"), "node_modules", &mut files)?;
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(in_file(folder))? {
        let entry = entry.map_err(in_file(folder))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        // npm's own files: links to command-line tools, a copy of the lock file.
        if name.starts_with('.') {
            continue;
        }
        let inside = format!("{prefix}/{name}");
        if path.is_dir() {
            collect(&path, &inside, files)?;
        } else if !UNUSED.iter().any(|end| name.ends_with(end)) {
            files.insert(inside, fs::read(&path).map_err(in_file(&path))?);
        }
    }
    Ok(())
}

async fn install(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(in_file(folder))?;
    }
    fs::create_dir_all(folder).map_err(in_file(folder))?;
    for (name, text) in [("package.json", PACKAGE_JSON), ("package-lock.json", PACKAGE_LOCK)] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(in_file(&path))?;
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Command::new(npm);
    // No scripts: downloaded code must not run on this machine.
    command
        .args(["ci", "--omit=dev", "--omit=peer", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder);
    command.stdin(Stdio::null()).kill_on_drop(true);
    match command.output().await {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Error::Npm(last_lines(&output))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NpmMissing),
        Err(error) => Err(Error::Npm(error.to_string())),
    }
}

/// The last lines of npm's error output.
fn last_lines(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = lines[lines.len().saturating_sub(5)..].join("; ");
    if text.is_empty() { output.status.to_string() } else { text }
}

fn acquire(path: &Path) -> Result<File, Error> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(in_file(path))?;
    file.lock().map_err(in_file(path))?;
    Ok(file)
}

/// `$XDG_CACHE_HOME/provisioner/lambda`, or `~/.cache/provisioner/lambda`.
fn cache() -> Result<PathBuf, Error> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(base.ok_or(Error::NoCache)?.join("provisioner").join("lambda"))
}

fn in_file(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::File { path, message: error.to_string() }
}
