//! The sandbox: a local AWS on loopback, to try every command without an account.
//!
//! It is the Python package in `localstack/`, embedded in this binary. [`start`] unpacks it into the cache, creates a virtual
//! environment once, and starts its server, which runs until [`stop`]. All functions block.

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

/// The default port of the AWS API, the same as LocalStack's.
pub const DEFAULT_PORT: u16 = 4566;

/// The options of a sandbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The port of the AWS API. 0 chooses a free port; then `data_dir` is required.
    pub port: u16,
    /// The port on which load balancers answer; 0 chooses a free port. Default: the port after `port`, or a free one if that
    /// is in use.
    pub front_door_port: Option<u16>,
    /// How much faster than on AWS resources become ready; 0, the default, is immediate.
    pub time_scale: Option<f64>,
    /// The folder for the log, the process id and unpacked functions. Default: a folder per port in the cache.
    pub data_dir: Option<PathBuf>,
}

impl Options {
    /// A sandbox on this port, with the default options.
    pub fn at(port: u16) -> Self {
        Options { port, front_door_port: None, time_scale: None, data_dir: None }
    }
}

/// A running sandbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// The port of the AWS API.
    pub port: u16,
    /// The port on which load balancers answer.
    pub front_door_port: u16,
    /// How much faster than on AWS resources become ready; 0 is immediate.
    pub time_scale: f64,
    /// The server's process id.
    pub pid: u32,
    /// Its log file.
    pub log: PathBuf,
    /// False if it was running already.
    pub started: bool,
}

/// Starts the sandbox. If it is running already, only a requested time scale is set.
///
/// Reports slow work to `progress`: the first start downloads Python packages, which takes about 20 seconds.
pub fn start(options: &Options, progress: &dyn Fn(&str)) -> Result<Running> {
    server::start(options, progress)
}

/// Starts the sandbox on this port with the default options, unless it is running.
pub fn ensure(port: u16, progress: &dyn Fn(&str)) -> Result<Running> {
    server::start(&Options::at(port), progress)
}

/// Stops the sandbox on this port; everything in it is lost. False if none was running.
pub fn stop(port: u16) -> Result<bool> {
    server::stop(port)
}

/// The status of the sandbox on this port; `None` if nothing listens there.
pub fn status(port: u16) -> Result<Option<Status>> {
    Control::new(port).status()
}

/// Deletes all resources, faults and recorded calls of the sandbox on this port.
pub fn reset(port: u16) -> Result<()> {
    Control::new(port).reset()
}
