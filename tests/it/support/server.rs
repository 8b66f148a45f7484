//! The private server behind a [`Sandbox`](super::Sandbox): ends with its value, also when a test panics, and with the
//! test binary however that dies.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use provisioner::sandbox::{Control, Installed, prepare};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::wait::wait_for;

const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(5);

/// A server on ports of its own.
pub struct Server {
    child: Child,
    folder: TempDir,
    pub port: u16,
    pub front_door_port: u16,
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
    pub async fn start(time_scale: f64) -> Self {
        let folder = tempfile::Builder::new().prefix("sandbox-").tempdir().expect("a temporary folder");
        let log = File::create(folder.path().join("sandbox.log")).expect("a log file");
        let mut command = installed().await.command(0, 0, time_scale, folder.path());
        // Nobody writes to its stdin: it closes when this process ends, and the server ends with it.
        command.arg("--exit-with-parent").stdin(Stdio::piped()).process_group(0);
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().expect("the sandbox's Python runs");
        let mut server = Server { child, folder, port: 0, front_door_port: 0 };
        let ready = wait_for(START, || server.ready()).await;
        ready.unwrap_or_else(|| panic!("the sandbox isn't ready after a minute:\n{}", server.log()));
        let status = Control::new(server.port).status().expect("the sandbox answers").expect("the sandbox listens");
        server.front_door_port = status.front_door_port;
        server
    }

    fn ready(&mut self) -> Option<()> {
        let log = self.log();
        let line = log.split_inclusive('\n').find(|line| line.starts_with("ready port=") && line.ends_with('\n'));
        let Some(line) = line else {
            let ended = self.child.try_wait().expect("the sandbox's process can be asked");
            assert!(ended.is_none(), "the sandbox ended at once:\n{log}");
            return None;
        };
        let port = line.trim_start_matches("ready port=").split(' ').next();
        self.port = port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no port in {line:?}"));
        Some(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("sandbox.log")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        // The server leads a process group of its own; that it is gone already is as good.
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, signal);
        }
    }
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
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                self.signal(Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
