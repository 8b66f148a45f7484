//! The sandbox's server: a separate process, which outlives the command that started it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::control::{Control, Status};
use super::error::{Result, SandboxError};
use super::{Options, Running, bundle, cache, python};

const LOG: &str = "sandbox.log";
const PID: &str = "sandbox.pid";
const LOCK: &str = "sandbox.lock";
/// The timeout of a start. It takes about a second, but longer on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take to exit before it is killed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// The sandbox's files and its virtual environment, ready to run.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The Python of the virtual environment, which contains boto3 too.
    pub python: PathBuf,
    home: PathBuf,
    cache: PathBuf,
    bundle: String,
}

/// Unpacks the sandbox and creates its virtual environment, unless both exist.
pub fn prepare(progress: &dyn Fn(&str)) -> Result<Installed> {
    let cache = cache::root()?;
    cache::folder(&cache)?;
    let _lock = cache::lock(&cache.join("setup.lock"), progress)?;
    let home = bundle::unpack(&cache)?;
    let python = python::environment(&cache, &home.join("requirements.txt"), progress)?;
    Ok(Installed { python, home, cache, bundle: bundle::hash() })
}

impl Installed {
    /// The command of the server, without the caller's AWS settings. It prints the line `ready port=P front_door=F` once it
    /// accepts calls, and exits on SIGTERM.
    pub fn command(&self, port: u16, front_door_port: u16, time_scale: f64, data_dir: &Path) -> Command {
        let mut command = python::clean(&self.python);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AWS_")) {
            command.env_remove(name);
        }
        // Python searches the working directory first, where the caller may have a folder of the same name.
        command.current_dir(&self.home).args(["-m", "sandbox"]);
        command.arg("--port").arg(port.to_string()).arg("--front-door-port").arg(front_door_port.to_string());
        command.arg("--time-scale").arg(time_scale.to_string()).arg("--data-dir").arg(data_dir);
        command.env("PROVISIONER_SANDBOX_BUNDLE", &self.bundle).env("PROVISIONER_SANDBOX_CACHE", &self.cache);
        // Its own calls to itself must not go through a proxy.
        for name in ["NO_PROXY", "no_proxy"] {
            let mut direct = OsString::from("127.0.0.1,localhost");
            if let Some(others) = std::env::var_os(name).filter(|others| !others.is_empty()) {
                direct.push(",");
                direct.push(others);
            }
            command.env(name, direct);
        }
        command
    }
}

/// Starts the sandbox, unless it is running.
pub fn start(options: &Options, progress: &dyn Fn(&str)) -> Result<Running> {
    let data_dir = data_dir(options)?;
    cache::folder(&data_dir)?;
    let _lock = cache::lock(&data_dir.join(LOCK), progress)?;
    if options.port != 0
        && let Some(status) = Control::new(options.port).status()?
    {
        return reuse(status, options);
    }
    let installed = prepare(progress)?;
    let front_door_port = front_door(options)?;
    progress("Starting the sandbox");

    let log = data_dir.join(LOG);
    let file = File::create(&log).map_err(SandboxError::io("can't write", &log))?;
    let errors = file.try_clone().map_err(SandboxError::io("can't write", &log))?;
    let mut command =
        installed.command(options.port, front_door_port, options.time_scale.unwrap_or_default(), &data_dir);
    // Its own process group receives neither Ctrl-C nor the hangup of the terminal.
    command.process_group(0).stdout(file).stderr(errors).stdin(Stdio::null());
    let mut child = command.spawn().map_err(SandboxError::io("can't run", &installed.python))?;
    let status = match ready_port(&mut child, &log) {
        Some(port) => Control::new(port).status()?,
        None => None,
    };
    let Some(status) = status else {
        kill(&mut child);
        return Err(SandboxError::DidNotStart { tail: tail(&log), log });
    };
    let pid_file = data_dir.join(PID);
    fs::write(&pid_file, format!("{}\n", child.id())).map_err(SandboxError::io("can't write", &pid_file))?;
    Ok(running(status, true))
}

/// Stops the sandbox on this port. False if none was running.
pub fn stop(port: u16) -> Result<bool> {
    let Some(status) = Control::new(port).status()? else { return Ok(false) };
    let pid_file = status.data_dir.join(PID);
    let recorded = fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let ours = recorded == Some(status.pid);
    let Some(pid) = process(status.pid).filter(|_| ours) else {
        return Err(SandboxError::NotOurs { port, pid: status.pid });
    };
    // An error means that it has exited meanwhile.
    let _ = kill_process(pid, Signal::TERM);
    if !wait_for_exit(&status) {
        let _ = kill_process_group(pid, Signal::KILL);
        wait_for_exit(&status);
    }
    fs::remove_file(&pid_file).map_err(SandboxError::io("can't remove", &pid_file))?;
    Ok(true)
}

/// Waits until neither of its ports accepts connections; false if one still does.
fn wait_for_exit(status: &Status) -> bool {
    let deadline = Instant::now() + EXIT_TIMEOUT;
    while listens(status.port) || listens(status.front_door_port) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

/// Checks a sandbox that was running before, and sets the requested time scale.
fn reuse(mut status: Status, options: &Options) -> Result<Running> {
    let port = status.port;
    if status.bundle.as_ref().is_some_and(|other| *other != bundle::hash()) {
        return Err(SandboxError::OtherVersion { port });
    }
    if options.front_door_port.is_some_and(|port| port != 0 && port != status.front_door_port) {
        return Err(SandboxError::OtherFrontDoor { port, front_door_port: status.front_door_port });
    }
    if let Some(scale) = options.time_scale.filter(|scale| *scale != status.time_scale) {
        Control::new(port).set_time_scale(scale)?;
        status.time_scale = scale;
    }
    Ok(running(status, false))
}

fn running(status: Status, started: bool) -> Running {
    Running {
        port: status.port,
        front_door_port: status.front_door_port,
        time_scale: status.time_scale,
        pid: status.pid,
        log: status.data_dir.join(LOG),
        started,
    }
}

fn data_dir(options: &Options) -> Result<PathBuf> {
    match &options.data_dir {
        // The server's working directory differs from the caller's.
        Some(folder) => std::path::absolute(folder).map_err(SandboxError::io("can't find", folder)),
        None if options.port == 0 => Err(SandboxError::NoDataDir),
        None => Ok(cache::root()?.join("run").join(options.port.to_string())),
    }
}

/// The port for load balancers: the requested one, else the one after the sandbox's own, else 0 for a free one.
fn front_door(options: &Options) -> Result<u16> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match options.front_door_port {
        Some(port) if is_free(port) => Ok(port),
        Some(port) => Err(SandboxError::FrontDoorTaken { port }),
        None if options.port == 0 => Ok(0),
        None => Ok(options.port.checked_add(1).filter(|next| is_free(*next)).unwrap_or(0)),
    }
}

/// Waits for the server's `ready` line and returns its port; `None` if it exits or takes too long.
fn ready_port(child: &mut Child, log: &Path) -> Option<u16> {
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline {
        let text = fs::read_to_string(log).unwrap_or_default();
        if let Some(port) = port_in(&text) {
            return Some(port);
        }
        if !matches!(child.try_wait(), Ok(None)) {
            return None;
        }
        std::thread::sleep(POLL);
    }
    None
}

/// The port in `ready port=4566 front_door=4567`, once the line is complete.
fn port_in(text: &str) -> Option<u16> {
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let mut ports = lines.filter_map(|line| line.strip_prefix("ready port=")?.split(' ').next()?.parse().ok());
    ports.next()
}

fn kill(child: &mut Child) {
    if let Some(group) = process(child.id()) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

fn tail(log: &Path) -> String {
    python::last_lines(&String::from_utf8_lossy(&fs::read(log).unwrap_or_default()))
}

fn process(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_is_read_from_a_complete_line() {
        assert_eq!(port_in("ready port=4566 front_door=4567\n"), Some(4566));
        assert_eq!(port_in("a warning\nready port=80 front_door=81\nmore\n"), Some(80));
        assert_eq!(port_in("ready port=45"), None);
        assert_eq!(port_in(""), None);
    }

    #[test]
    fn front_door_is_the_next_port_unless_in_use() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let next = taken.local_addr().unwrap().port();
        let mut options = Options::at(next - 1);
        assert_eq!(front_door(&options).unwrap(), 0);
        options.front_door_port = Some(next);
        assert!(matches!(front_door(&options), Err(SandboxError::FrontDoorTaken { port }) if port == next));
        options.front_door_port = Some(0);
        assert_eq!(front_door(&options).unwrap(), 0);
    }

    #[test]
    fn running_sandbox_is_reused_only_if_it_matches() {
        let status = Status {
            ready: true,
            port: 4566,
            front_door_port: 4567,
            time_scale: 0.0,
            moto_version: "5".into(),
            calls: 0,
            pid: 7,
            data_dir: "/data".into(),
            bundle: Some(bundle::hash()),
        };
        let reused = reuse(status.clone(), &Options::at(4566)).unwrap();
        assert_eq!((reused.pid, reused.started, reused.log), (7, false, PathBuf::from("/data/sandbox.log")));

        let manual = Status { bundle: None, ..status.clone() };
        assert!(reuse(manual, &Options::at(4566)).is_ok());

        let other = Status { bundle: Some("other".into()), ..status.clone() };
        assert!(matches!(reuse(other, &Options::at(4566)), Err(SandboxError::OtherVersion { port: 4566 })));

        let elsewhere = Options { front_door_port: Some(9000), ..Options::at(4566) };
        assert!(matches!(reuse(status, &elsewhere), Err(SandboxError::OtherFrontDoor { front_door_port: 4567, .. })));
    }
}
