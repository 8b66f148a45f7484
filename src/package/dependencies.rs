//! What the functions depend on: installed by npm once for each `package-lock.json`, in the user's cache folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::sources::{PACKAGE_JSON, PACKAGE_LOCK};
use super::{Error, Files};

/// What a running function has no use for.
const USELESS: [&str; 5] = [".d.ts", ".d.mts", ".d.cts", ".map", ".md"];

/// The folder that holds `node_modules`. Runs side by side wait for the one that installs.
pub(super) async fn installed() -> Result<PathBuf, Error> {
    let digest = Sha256::new().chain_update(PACKAGE_JSON).chain_update(PACKAGE_LOCK).finalize();
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let cache = cache()?;
    let folder = cache.join(&hash);
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache).map_err(of(&cache))?;
    let lock = cache.join(format!("{hash}.lock"));
    // Held until the end of this function; the system lets go of it if the process dies.
    let _held = tokio::task::spawn_blocking(move || hold(&lock)).await.expect("locking doesn't panic")?;
    if !folder.is_dir() {
        let partial = cache.join(format!("{hash}.partial"));
        install(&partial).await?;
        // A folder with the final name is a whole one.
        fs::rename(&partial, &folder).map_err(of(&folder))?;
    }
    Ok(folder)
}

/// All files of `node_modules` but those that a function has no use for.
pub(super) fn files(folder: &Path) -> Result<Files, Error> {
    let mut files = Files::new();
    collect(&folder.join("node_modules"), "node_modules", &mut files)?;
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(of(folder))? {
        let entry = entry.map_err(of(folder))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        // npm's own: links to command-line tools, a copy of the lock file.
        if name.starts_with('.') {
            continue;
        }
        let inside = format!("{prefix}/{name}");
        if path.is_dir() {
            collect(&path, &inside, files)?;
        } else if !USELESS.iter().any(|end| name.ends_with(end)) {
            files.insert(inside, fs::read(&path).map_err(of(&path))?);
        }
    }
    Ok(())
}

async fn install(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(of(folder))?;
    }
    fs::create_dir_all(folder).map_err(of(folder))?;
    for (name, text) in [("package.json", PACKAGE_JSON), ("package-lock.json", PACKAGE_LOCK)] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(of(&path))?;
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Command::new(npm);
    // No scripts: nothing that was downloaded runs on this machine.
    command
        .args(["ci", "--omit=dev", "--omit=peer", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder);
    command.stdin(Stdio::null()).kill_on_drop(true);
    match command.output().await {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Error::Npm(last_words(&output))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NpmMissing),
        Err(error) => Err(Error::Npm(error.to_string())),
    }
}

/// The last lines of what npm said.
fn last_words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = lines[lines.len().saturating_sub(5)..].join("; ");
    if said.is_empty() { output.status.to_string() } else { said }
}

fn hold(path: &Path) -> Result<File, Error> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(of(path))?;
    file.lock().map_err(of(path))?;
    Ok(file)
}

/// `$XDG_CACHE_HOME/provisioner/lambda`, or `~/.cache/provisioner/lambda`.
fn cache() -> Result<PathBuf, Error> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(base.ok_or(Error::NoCache)?.join("provisioner").join("lambda"))
}

fn of(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::File { path, message: error.to_string() }
}
