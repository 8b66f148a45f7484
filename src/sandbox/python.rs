//! Finds a Python that can run the sandbox, and creates its virtual environment.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sha2::{Digest, Sha256};

use super::bundle;
use super::cache;
use super::error::{Result, SandboxError};

/// Prints the version and the path of the interpreter: the name on PATH may be a link or a wrapper.
const PROBE: &str = "import sys, venv, ensurepip\nprint('%d.%d.%d' % sys.version_info[:3])\nprint(sys.executable)";

/// The oldest version that the pinned packages support.
const OLDEST: (u32, u32) = (3, 10);

/// A suitable interpreter.
#[derive(Debug, PartialEq)]
struct Python {
    version: String,
    executable: PathBuf,
}

/// Creates the virtual environment, unless it exists. The caller must have the cache's lock. Returns its Python.
pub fn environment(cache: &Path, requirements: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let python = find()?;
    let home = cache.join(format!("venv-{}", key(&python)));
    cache::create_atomically(&home, |unfinished| {
        progress("Setting up the sandbox: a Python environment (only the first time)");
        let created = clean(&python.executable).args(["-m", "venv"]).arg(unfinished).output();
        check("python -m venv", created)?;
        progress("Setting up the sandbox: downloading its Python packages (only the first time, about 20 seconds)");
        let mut pip = clean(&unfinished.join("bin").join("python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
        ]);
        check("pip install", pip.arg(requirements).output())
    })?;
    Ok(home.join("bin").join("python"))
}

/// Identifies a virtual environment: it depends on the interpreter's path, and its packages on the version.
fn key(python: &Python) -> String {
    let mut hash = Sha256::new();
    for part in
        [bundle::REQUIREMENTS.as_bytes(), python.version.as_bytes(), python.executable.as_os_str().as_encoded_bytes()]
    {
        hash.update(part);
        hash.update([0]);
    }
    bundle::short(&hash.finalize())
}

/// The Python in `PROVISIONER_PYTHON`, else the first suitable one on PATH.
fn find() -> Result<Python> {
    let requested = std::env::var_os("PROVISIONER_PYTHON").filter(|path| !path.is_empty());
    let names = requested.map_or_else(|| vec![OsString::from("python3"), OsString::from("python")], |path| vec![path]);
    let mut found = Vec::new();
    for name in &names {
        match probe(name) {
            Ok(python) => return Ok(python),
            Err(why) => found.push(why),
        }
    }
    Err(SandboxError::NoPython { found: found.join("; ") })
}

fn probe(name: &OsStr) -> std::result::Result<Python, String> {
    let shown = name.display();
    let output = clean(Path::new(name)).args(["-c", PROBE]).output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no {shown}"),
        _ => format!("{shown} can't be run: {error}"),
    })?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{shown} has no venv ({})", error.trim().lines().next_back().unwrap_or("no reason given")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let python = parse(&text).ok_or_else(|| format!("{shown} is not a Python: it prints {text:?}"))?;
    if !new_enough(&python.version) {
        return Err(format!("{shown} is Python {}", python.version));
    }
    Ok(python)
}

fn parse(text: &str) -> Option<Python> {
    let (version, executable) = text.trim_end().split_once('\n')?;
    Some(Python { version: version.trim().to_owned(), executable: PathBuf::from(executable) })
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= OLDEST
}

/// A command that runs Python without the user's packages and settings.
pub fn clean(python: &Path) -> Command {
    let mut command = Command::new(python);
    for name in
        ["PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PIP_REQUIRE_VIRTUALENV", "PIP_TARGET", "PIP_USER", "VIRTUAL_ENV"]
    {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

fn check(what: &'static str, output: std::io::Result<Output>) -> Result<()> {
    let output = output.map_err(|error| SandboxError::Setup { what, output: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    // venv reports errors on stdout, pip on stderr.
    let text = [output.stdout, output.stderr].concat();
    Err(SandboxError::Setup { what, output: last_lines(&String::from_utf8_lossy(&text)) })
}

/// The last lines of a program's output, indented.
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    let last: Vec<String> = lines[lines.len().saturating_sub(20)..].iter().map(|line| format!("    {line}")).collect();
    last.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_python_is_3_10() {
        for (version, enough) in
            [("3.10.0", true), ("3.14.1", true), ("4.0.0", true), ("3.9.18", false), ("2.7.18", false), ("", false)]
        {
            assert_eq!(new_enough(version), enough, "{version}");
        }
    }

    #[test]
    fn each_interpreter_has_its_own_environment() {
        let python =
            |version: &str, executable: &str| Python { version: version.to_owned(), executable: executable.into() };
        let one = key(&python("3.11.7", "/usr/bin/python3"));
        assert_eq!(one, key(&python("3.11.7", "/usr/bin/python3")));
        assert_ne!(one, key(&python("3.12.0", "/usr/bin/python3")));
        assert_ne!(one, key(&python("3.11.7", "/opt/python3")));
    }

    #[test]
    fn missing_or_unsuitable_python_is_named() {
        assert_eq!(probe(OsStr::new("no-such-python")).unwrap_err(), "there is no no-such-python");
        // It succeeds, but prints nothing.
        assert!(probe(OsStr::new("true")).unwrap_err().starts_with("true is not a Python"));
        assert!(probe(OsStr::new("false")).unwrap_err().starts_with("false has no venv"));
    }

    #[test]
    fn long_logs_are_cut_to_their_end() {
        let long: String = (0..50).map(|line| format!("line {line}\n")).collect();
        let shown = last_lines(&long);
        assert!(shown.starts_with("    line 30\n") && shown.ends_with("    line 49"), "{shown}");
        assert_eq!(last_lines(""), "");
    }
}
