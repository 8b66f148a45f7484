//! What can go wrong with the sandbox, each with the way on.

use std::path::{Path, PathBuf};

/// The result of something done with the sandbox.
pub type Result<T> = std::result::Result<T, SandboxError>;

/// Why the sandbox can't be used. Every text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No Python that could run it.
    #[error(
        "the sandbox needs Python 3.10 or later with venv: {found}\n  install it (Debian, Ubuntu: apt install python3 \
         python3-venv), or set PROVISIONER_PYTHON to one"
    )]
    NoPython {
        /// What there is instead.
        found: String,
    },
    /// The virtual environment can't be made.
    #[error(
        "can't set up the sandbox: {what} failed:\n{output}\n  it needs a way to PyPI, or to an index that PIP_INDEX_URL names"
    )]
    Setup {
        /// The command that failed.
        what: &'static str,
        /// Its last words.
        output: String,
    },
    /// The server ended, or isn't ready after a minute.
    #[error("the sandbox did not start; the end of {}:\n{tail}", .log.display())]
    DidNotStart {
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// Something else listens on the port.
    #[error(
        "port {port} is in use by something that isn't the sandbox: stop that, or choose another port with --sandbox-port"
    )]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// Something else listens where load balancers are to answer.
    #[error("port {port} for the load balancers is in use: choose another with --front-door-port")]
    FrontDoorTaken {
        /// The port.
        port: u16,
    },
    /// It is up with another front door.
    #[error(
        "the sandbox on port {port} is up with its load balancers on port {front_door_port}; to change that, \
         `provisioner sandbox stop --sandbox-port {port}` first (what was built in it is lost)"
    )]
    OtherFrontDoor {
        /// The port.
        port: u16,
        /// Where its load balancers answer.
        front_door_port: u16,
    },
    /// A sandbox of another build of this binary is up.
    #[error(
        "the sandbox on port {port} was started by another version of provisioner: run `provisioner sandbox stop \
         --sandbox-port {port}` first (what was built in it is lost), or use that version"
    )]
    OtherVersion {
        /// The port.
        port: u16,
    },
    /// Nothing listens on the port.
    #[error("no sandbox is up on port {port}: start one with `provisioner sandbox start --sandbox-port {port}`")]
    NotRunning {
        /// The port.
        port: u16,
    },
    /// It takes connections and says nothing.
    #[error(
        "what listens on port {port} doesn't answer ({source}): stop it, or choose another port with --sandbox-port"
    )]
    NoAnswer {
        /// The port.
        port: u16,
        /// What happened.
        source: std::io::Error,
    },
    /// The server was started by hand, so it isn't ours to end.
    #[error("the sandbox on port {port} (process {pid}) wasn't started by provisioner: end it where it was started")]
    NotOurs {
        /// The port.
        port: u16,
        /// Its process.
        pid: u32,
    },
    /// A control call was refused.
    #[error("the sandbox refused {call}: {said}")]
    Refused {
        /// The call.
        call: String,
        /// Its answer.
        said: String,
    },
    /// A free port was asked for with no folder to keep its things in.
    #[error("a sandbox on a port of its own choice needs a data folder")]
    NoDataDir,
    /// Neither `XDG_CACHE_HOME` nor a home folder.
    #[error("there is no cache folder for the sandbox: set HOME or XDG_CACHE_HOME")]
    NoCache,
    /// The disk says no.
    #[error("{what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
}

impl SandboxError {
    /// For `map_err`: what was tried with which file.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SandboxError {
        let path = path.to_owned();
        move |source| SandboxError::Io { what, path, source }
    }
}
