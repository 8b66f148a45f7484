//! Errors of the sandbox, each with advice.

use std::path::{Path, PathBuf};

/// The result of an operation on the sandbox.
pub type Result<T> = std::result::Result<T, SandboxError>;

/// Why the sandbox can't be used. Every message contains advice.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No suitable Python.
    #[error(
        "the sandbox needs Python 3.10 or later with venv: {found}\n  install it (Debian, Ubuntu: apt install python3 \
         python3-venv), or set PROVISIONER_PYTHON to one"
    )]
    NoPython {
        /// What was found.
        found: String,
    },
    /// The virtual environment can't be created.
    #[error(
        "can't set up the sandbox: {what} failed:\n{output}\n  it needs access to PyPI, or to the index in PIP_INDEX_URL"
    )]
    Setup {
        /// The command that failed.
        what: &'static str,
        /// The end of its output.
        output: String,
    },
    /// The server exited, or wasn't ready within a minute.
    #[error("the sandbox did not start; the end of {}:\n{tail}", .log.display())]
    DidNotStart {
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// Another program listens on the port.
    #[error("port {port} is in use by another program: stop it, or choose another port with --sandbox-port")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// Another program listens on the port for load balancers.
    #[error("port {port} for the load balancers is in use: choose another with --front-door-port")]
    FrontDoorTaken {
        /// The port.
        port: u16,
    },
    /// It runs with another port for load balancers.
    #[error(
        "the sandbox on port {port} is running with its load balancers on port {front_door_port}: to change that, run \
         `provisioner sandbox stop --sandbox-port {port}` first (everything in it is lost)"
    )]
    OtherFrontDoor {
        /// The port.
        port: u16,
        /// The current port of its load balancers.
        front_door_port: u16,
    },
    /// It was started by another version of provisioner.
    #[error(
        "the sandbox on port {port} was started by another version of provisioner: run `provisioner sandbox stop \
         --sandbox-port {port}` first (everything in it is lost), or use that version"
    )]
    OtherVersion {
        /// The port.
        port: u16,
    },
    /// Nothing listens on the port.
    #[error("no sandbox is running on port {port}: start one with `provisioner sandbox start --sandbox-port {port}`")]
    NotRunning {
        /// The port.
        port: u16,
    },
    /// It accepts connections, but doesn't respond.
    #[error(
        "the program on port {port} doesn't respond ({source}): stop it, or choose another port with --sandbox-port"
    )]
    NoAnswer {
        /// The port.
        port: u16,
        /// The cause.
        source: std::io::Error,
    },
    /// The server was started manually, so it isn't stopped.
    #[error("the sandbox on port {port} (process {pid}) wasn't started by provisioner: stop it where it was started")]
    NotOurs {
        /// The port.
        port: u16,
        /// Its process id.
        pid: u32,
    },
    /// A control call was rejected.
    #[error("the sandbox rejected {call}: {answer}")]
    Rejected {
        /// The call.
        call: String,
        /// The response.
        answer: String,
    },
    /// A free port was requested without a data folder.
    #[error("a sandbox on a free port needs a data folder")]
    NoDataDir,
    /// Neither `XDG_CACHE_HOME` nor a home folder is set.
    #[error("there is no cache folder for the sandbox: set HOME or XDG_CACHE_HOME")]
    NoCache,
    /// A file operation failed.
    #[error("{what} {}: {source}", .path.display())]
    Io {
        /// The failed operation.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl SandboxError {
    /// For `map_err`: adds the operation and the file.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SandboxError {
        let path = path.to_owned();
        move |source| SandboxError::Io { what, path, source }
    }
}
