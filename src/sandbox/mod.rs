//! The sandbox: a local AWS on loopback, so that nobody needs an account to try every command.
//!
//! It is the Python package in `localstack/`, which this binary carries. [`start`] unpacks it into the cache, makes a
//! virtual environment for it once, and starts its server; the server stays up until [`stop`]. All functions block.

mod bundle;
mod cache;
mod control;
mod error;
mod python;
mod server;

use std::path::PathBuf;

pub use control::{Control, Status};
pub use error::{Result, SandboxError};
pub use server::{Installed, prepare};

/// The port that AWS calls go to unless another is asked for: LocalStack's.
pub const DEFAULT_PORT: u16 = 4566;

/// How to start a sandbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where AWS calls go; 0 chooses a free port, and then `data_dir` must be given.
    pub port: u16,
    /// Where requests to load balancers go; 0 chooses a free port. Without: the port after `port`, or a free one if
    /// that is taken.
    pub front_door_port: Option<u16>,
    /// How much faster than on AWS things come to be; 0, the default, is at once.
    pub time_scale: Option<f64>,
    /// Where the log, the process id and unpacked functions are kept. Without: a folder of the port in the cache.
    pub data_dir: Option<PathBuf>,
}

impl Options {
    /// A sandbox on this port, all else as by default.
    pub fn at(port: u16) -> Self {
        Options { port, front_door_port: None, time_scale: None, data_dir: None }
    }
}

/// A sandbox that is up.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// Where AWS calls go.
    pub port: u16,
    /// Where requests to load balancers go.
    pub front_door_port: u16,
    /// How much faster than on AWS things come to be; 0 is at once.
    pub time_scale: f64,
    /// The server's process.
    pub pid: u32,
    /// What it logs.
    pub log: PathBuf,
    /// False if it was up already.
    pub started: bool,
}

/// Starts the sandbox, or finds it up; then only the time scale is changed if one is asked for.
///
/// `progress` is told what takes long: the first start downloads Python packages, about 20 seconds.
pub fn start(options: &Options, progress: &dyn Fn(&str)) -> Result<Running> {
    server::start(options, progress)
}

/// Starts the sandbox on this port with the defaults unless it is up.
pub fn ensure(port: u16, progress: &dyn Fn(&str)) -> Result<Running> {
    server::start(&Options::at(port), progress)
}

/// Ends the sandbox on this port, and all that was built in it. False if none was up.
pub fn stop(port: u16) -> Result<bool> {
    server::stop(port)
}

/// What the sandbox on this port says of itself; `None` if nothing listens there.
pub fn status(port: u16) -> Result<Option<Status>> {
    Control::new(port).status()
}

/// Empties the sandbox on this port: no resources, no faults, no recorded calls.
pub fn reset(port: u16) -> Result<()> {
    Control::new(port).reset()
}
