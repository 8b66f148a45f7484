//! The sandbox's server: a process of its own that outlives the command that started it.

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
/// It takes about a second; a machine at work on other things gets a minute.
const START: Duration = Duration::from_secs(60);
/// How long it may take to end before it is killed.
const END: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// The sandbox's files and its virtual environment, ready to run.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The Python of the virtual environment; it has boto3 too.
    pub python: PathBuf,
    home: PathBuf,
    cache: PathBuf,
    bundle: String,
}

/// Unpacks the sandbox and makes its virtual environment, unless both are there.
pub fn prepare(progress: &dyn Fn(&str)) -> Result<Installed> {
    let cache = cache::root()?;
    cache::folder(&cache)?;
    let _only_one = cache::lock(&cache.join("setup.lock"), progress)?;
    let home = bundle::unpack(&cache)?;
    let python = python::environment(&cache, &home.join("requirements.txt"), progress)?;
    Ok(Installed { python, home, cache, bundle: bundle::hash() })
}

impl Installed {
    /// The server's command, to which nothing of the caller's AWS settings comes through. It prints one line,
    /// `ready port=P front_door=F`, once it takes calls, and ends on SIGTERM.
    pub fn command(&self, port: u16, front_door_port: u16, time_scale: f64, data_dir: &Path) -> Command {
        let mut command = python::clean(&self.python);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AWS_")) {
            command.env_remove(name);
        }
        // Python looks into the working directory first: no folder of the caller's may be taken for the package.
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

/// Starts the sandbox, or finds it up.
pub fn start(options: &Options, progress: &dyn Fn(&str)) -> Result<Running> {
    let data_dir = data_dir(options)?;
    cache::folder(&data_dir)?;
    let _only_one = cache::lock(&data_dir.join(LOCK), progress)?;
    if options.port != 0
        && let Some(status) = Control::new(options.port).status()?
    {
        return adopt(status, options);
    }
    let installed = prepare(progress)?;
    let front_door_port = front_door(options)?;
    progress("Starting the sandbox");

    let log = data_dir.join(LOG);
    let file = File::create(&log).map_err(SandboxError::io("can't write", &log))?;
    let errors = file.try_clone().map_err(SandboxError::io("can't write", &log))?;
    let mut command =
        installed.command(options.port, front_door_port, options.time_scale.unwrap_or_default(), &data_dir);
    // A process group of its own: neither Ctrl-C nor the terminal's end reaches it.
    command.process_group(0).stdout(file).stderr(errors).stdin(Stdio::null());
    let mut child = command.spawn().map_err(SandboxError::io("can't run", &installed.python))?;
    let status = match ready_port(&mut child, &log) {
        Some(port) => Control::new(port).status()?,
        None => None,
    };
    let Some(status) = status else {
        end(&mut child);
        return Err(SandboxError::DidNotStart { tail: tail(&log), log });
    };
    let pid_file = data_dir.join(PID);
    fs::write(&pid_file, format!("{}\n", child.id())).map_err(SandboxError::io("can't write", &pid_file))?;
    Ok(running(status, true))
}

/// Ends the sandbox on this port. False if none was up.
pub fn stop(port: u16) -> Result<bool> {
    let Some(status) = Control::new(port).status()? else { return Ok(false) };
    let pid_file = status.data_dir.join(PID);
    let recorded = fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let ours = recorded == Some(status.pid);
    let Some(pid) = process(status.pid).filter(|_| ours) else {
        return Err(SandboxError::NotOurs { port, pid: status.pid });
    };
    // That it is gone meanwhile is as good.
    let _ = kill_process(pid, Signal::TERM);
    if !ended(&status) {
        let _ = kill_process_group(pid, Signal::KILL);
        ended(&status);
    }
    fs::remove_file(&pid_file).map_err(SandboxError::io("can't remove", &pid_file))?;
    Ok(true)
}

/// Waits until neither of its ports takes connections; false if one still does.
fn ended(status: &Status) -> bool {
    let deadline = Instant::now() + END;
    while listens(status.port) || listens(status.front_door_port) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

/// A sandbox that was up before.
fn adopt(mut status: Status, options: &Options) -> Result<Running> {
    let port = status.port;
    if status.bundle.as_ref().is_some_and(|other| *other != bundle::hash()) {
        return Err(SandboxError::OtherVersion { port });
    }
    if options.front_door_port.is_some_and(|wanted| wanted != 0 && wanted != status.front_door_port) {
        return Err(SandboxError::OtherFrontDoor { port, front_door_port: status.front_door_port });
    }
    if let Some(wanted) = options.time_scale.filter(|wanted| *wanted != status.time_scale) {
        Control::new(port).set_time_scale(wanted)?;
        status.time_scale = wanted;
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
        // The server runs in another folder than the caller.
        Some(folder) => std::path::absolute(folder).map_err(SandboxError::io("can't find", folder)),
        None if options.port == 0 => Err(SandboxError::NoDataDir),
        None => Ok(cache::root()?.join("run").join(options.port.to_string())),
    }
}

/// The front door's port: the one asked for, else the next to the sandbox's own, else 0 for any.
fn front_door(options: &Options) -> Result<u16> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match options.front_door_port {
        Some(port) if is_free(port) => Ok(port),
        Some(port) => Err(SandboxError::FrontDoorTaken { port }),
        None if options.port == 0 => Ok(0),
        None => Ok(options.port.checked_add(1).filter(|next| is_free(*next)).unwrap_or(0)),
    }
}

/// Waits for the line by which the server says that it takes calls; `None` if it ends before, or takes too long.
fn ready_port(child: &mut Child, log: &Path) -> Option<u16> {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        let said = fs::read_to_string(log).unwrap_or_default();
        if let Some(port) = port_in(&said) {
            return Some(port);
        }
        if !matches!(child.try_wait(), Ok(None)) {
            return None;
        }
        std::thread::sleep(POLL);
    }
    None
}

/// The port in `ready port=4566 front_door=4567`, once the line is whole.
fn port_in(said: &str) -> Option<u16> {
    let lines = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let mut ports = lines.filter_map(|line| line.strip_prefix("ready port=")?.split(' ').next()?.parse().ok());
    ports.next()
}

fn end(child: &mut Child) {
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
    fn the_port_is_read_once_its_line_is_whole() {
        assert_eq!(port_in("ready port=4566 front_door=4567\n"), Some(4566));
        assert_eq!(port_in("a warning\nready port=80 front_door=81\nmore\n"), Some(80));
        assert_eq!(port_in("ready port=45"), None);
        assert_eq!(port_in(""), None);
    }

    #[test]
    fn the_front_door_is_beside_the_port_unless_that_is_taken() {
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
    fn a_sandbox_that_is_up_is_taken_only_if_it_is_as_asked_for() {
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
        let taken = adopt(status.clone(), &Options::at(4566)).unwrap();
        assert_eq!((taken.pid, taken.started, taken.log), (7, false, PathBuf::from("/data/sandbox.log")));

        let by_hand = Status { bundle: None, ..status.clone() };
        assert!(adopt(by_hand, &Options::at(4566)).is_ok());

        let other = Status { bundle: Some("other".into()), ..status.clone() };
        assert!(matches!(adopt(other, &Options::at(4566)), Err(SandboxError::OtherVersion { port: 4566 })));

        let elsewhere = Options { front_door_port: Some(9000), ..Options::at(4566) };
        assert!(matches!(adopt(status, &elsewhere), Err(SandboxError::OtherFrontDoor { front_door_port: 4567, .. })));
    }
}
