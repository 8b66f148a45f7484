//! The server processes behind [`Sandbox`](super::Sandbox). Each ends with its value, also when a test panics, and with the
//! test binary, however that ends.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use provisioner::sandbox::{Control, Installed, prepare};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::Shared;
use super::wait::wait_for;

const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(5);

/// A server with its own ports and its own folder.
pub struct Server {
    process: Process,
    folder: TempDir,
    pub port: u16,
    pub front_door_port: u16,
}

enum Process {
    Started(Child),
    /// A copy of another server. That one collects its exit status.
    Forked(Pid),
}

/// The unpacked sandbox and its virtual environment, which all tests share.
pub async fn installed() -> &'static Installed {
    static INSTALLED: OnceCell<Installed> = OnceCell::const_new();
    let install = || async {
        let prepared = tokio::task::spawn_blocking(|| prepare(&|message| eprintln!("{message}"))).await;
        prepared.expect("no panic").unwrap_or_else(|error| panic!("{error}"))
    };
    INSTALLED.get_or_init(install).await
}

impl Server {
    /// An empty server: a copy of one that has loaded all services, since starting Python takes seconds.
    pub async fn empty(time_scale: f64) -> Self {
        static PRELOADED: Shared<Server> = Shared::new();
        PRELOADED.get(Server::start).await.copy(json!({ "time_scale": time_scale }))
    }

    /// A copy with the same state, taken when no call is in progress.
    pub fn fork(&self) -> Self {
        self.copy(json!({}))
    }

    fn copy(&self, mut settings: Value) -> Self {
        let folder = folder();
        settings["data_dir"] = json!(folder.path());
        let made = Control::new(self.port).call("POST", "fork", Some(&settings));
        let made = made.unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
        let number = |name: &str| made[name].as_u64().unwrap_or_else(|| panic!("no {name} in {made}"));
        let port = |name: &str| u16::try_from(number(name)).expect("a port");
        let pid = i32::try_from(number("pid")).ok().and_then(Pid::from_raw).expect("a process id");
        let (port, front_door_port) = (port("port"), port("front_door_port"));
        Server { process: Process::Forked(pid), folder, port, front_door_port }
    }

    async fn start() -> Self {
        let folder = folder();
        let log = File::create(folder.path().join("sandbox.log")).expect("a log file");
        let mut command = installed().await.command(0, 0, 0.0, folder.path());
        // Nothing is written to its stdin, which is closed when this process ends. Then the server ends too.
        command.args(["--preload", "--exit-with-parent"]).stdin(Stdio::piped()).process_group(0);
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().expect("the sandbox's Python runs");
        let mut server = Server { process: Process::Started(child), folder, port: 0, front_door_port: 0 };
        let ports = wait_for(START, || server.ready()).await;
        (server.port, server.front_door_port) =
            ports.unwrap_or_else(|| panic!("the sandbox isn't ready after a minute:\n{}", server.log()));
        server
    }

    /// Both ports, once the server accepts calls.
    fn ready(&mut self) -> Option<(u16, u16)> {
        let log = self.log();
        let line = log.split_inclusive('\n').find(|line| line.starts_with("ready port=") && line.ends_with('\n'));
        let Some(line) = line else {
            assert!(!self.has_ended(), "the sandbox ended at once:\n{log}");
            return None;
        };
        let mut ports = line.split_whitespace().filter_map(|word| word.split_once('=')?.1.parse().ok());
        ports.next().zip(ports.next()).or_else(|| panic!("no ports in {line:?}"))
    }

    fn has_ended(&mut self) -> bool {
        match &mut self.process {
            Process::Started(child) => !matches!(child.try_wait(), Ok(None)),
            Process::Forked(pid) => test_kill_process(*pid).is_err(),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("sandbox.log")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        match &self.process {
            Process::Started(child) => child.id(),
            Process::Forked(pid) => pid.as_raw_nonzero().get().cast_unsigned(),
        }
    }

    fn signal(&self, signal: Signal) {
        // The server leads a process group. It may have ended already.
        if let Some(group) = Pid::from_raw(self.pid().cast_signed()) {
            let _ = kill_process_group(group, signal);
        }
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("sandbox-").tempdir().expect("a temporary folder")
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the sandbox's log ends:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
        self.signal(Signal::TERM);
        let deadline = Instant::now() + END;
        while !self.has_ended() {
            if Instant::now() > deadline {
                self.signal(Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
