//! The `sandbox` commands: start, status, reset, stop.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use provisioner::sandbox::{self, Options, SandboxError};

use crate::support::{Cli, Sandbox};

fn quiet(_: &str) {}

fn free_port() -> u16 {
    let probe = TcpListener::bind("127.0.0.1:0").unwrap();
    probe.local_addr().unwrap().port()
}

/// On free ports and in a folder of its own; stopped when dropped.
struct Detached {
    running: sandbox::Running,
    folder: tempfile::TempDir,
}

impl Detached {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { data_dir: Some(folder.path().to_owned()), ..Options::at(0) };
        let running = sandbox::start(&options, &quiet).unwrap();
        Detached { running, folder }
    }

    fn options(&self) -> Options {
        Options { data_dir: Some(self.folder.path().to_owned()), ..Options::at(self.running.port) }
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let _ = sandbox::stop(self.running.port);
    }
}

#[test]
fn sandbox_stays_up_between_commands() {
    let detached = Detached::start();
    let port = detached.running.port;
    assert!(detached.running.started);
    let status = sandbox::status(port).unwrap().unwrap();
    assert_eq!((status.pid, status.front_door_port), (detached.running.pid, detached.running.front_door_port));

    let found = sandbox::start(&detached.options(), &quiet).unwrap();
    assert_eq!((found.started, found.pid), (false, status.pid));
    let faster = sandbox::start(&Options { time_scale: Some(60.0), ..detached.options() }, &quiet).unwrap();
    assert_eq!((faster.time_scale, sandbox::status(port).unwrap().unwrap().time_scale), (60.0, 60.0));

    sandbox::reset(port).unwrap();
    assert!(sandbox::stop(port).unwrap());
    assert!(sandbox::status(port).unwrap().is_none());
    assert!(!sandbox::stop(port).unwrap(), "a second stop finds none");
    assert!(matches!(sandbox::reset(port), Err(SandboxError::NotRunning { .. })));

    let again = sandbox::start(&detached.options(), &quiet).unwrap();
    assert!(again.started && again.port == port && again.pid != status.pid);
}

#[test]
fn foreign_sandbox_is_left_alone() {
    let detached = Detached::start();
    let pid_file = detached.folder.path().join("sandbox.pid");
    let recorded = std::fs::read_to_string(&pid_file).unwrap();
    std::fs::write(&pid_file, "1\n").unwrap();
    assert!(matches!(sandbox::stop(detached.running.port), Err(SandboxError::NotOurs { .. })));
    assert!(sandbox::status(detached.running.port).unwrap().is_some());
    std::fs::write(&pid_file, recorded).unwrap();
    assert!(sandbox::stop(detached.running.port).unwrap());
}

#[test]
fn port_in_use_is_refused_naming_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
    });
    let folder = tempfile::tempdir().unwrap();
    let options = Options { data_dir: Some(folder.path().to_owned()), ..Options::at(port) };
    let refused = sandbox::start(&options, &quiet).unwrap_err().to_string();
    assert!(refused.contains(&port.to_string()) && refused.contains("--sandbox-port"), "{refused}");
    answering.join().unwrap();
}

#[test]
fn concurrent_starts_share_one_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let options = Options { data_dir: Some(folder.path().to_owned()), front_door_port: Some(0), ..Options::at(port) };
    let starts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| sandbox::start(&options, &quiet).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(starts.iter().filter(|running| running.started).count(), 1);
    assert!(starts.iter().all(|running| running.pid == starts[0].pid));
    assert!(sandbox::stop(port).unwrap());
}

#[tokio::test]
async fn sandbox_commands_start_show_and_stop_it() {
    let port = free_port().to_string();
    let cli = Cli::offline();
    let run = async |arguments: &[&str]| {
        cli.run(&[&["--json", "--sandbox-port", &port, "sandbox"], arguments].concat()).await.ok()
    };
    let answer = |run: crate::support::cli::Run| run.events().pop().unwrap();

    let started = answer(run(&["start", "--front-door-port", "0", "--time-scale", "60"]).await);
    assert_eq!((started["started"].as_bool(), started["time_scale"].as_f64()), (Some(true), Some(60.0)));
    let again = answer(run(&["start"]).await);
    assert_eq!((again["started"].as_bool(), &again["pid"]), (Some(false), &started["pid"]));
    let status = answer(run(&["status"]).await);
    assert_eq!((status["up"].as_bool(), &status["front_door_port"]), (Some(true), &started["front_door_port"]));
    run(&["reset"]).await;
    assert_eq!(answer(run(&["stop"]).await)["stopped"], true);
    assert_eq!(answer(run(&["status"]).await)["up"], false);

    let folder = Path::new(started["log"].as_str().unwrap()).parent().unwrap();
    assert!(folder.ends_with(&port) && !folder.join("sandbox.pid").exists());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn commands_leave_a_foreign_sandbox_alone() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    cli.run(&["sandbox", "status"]).await.ok().says("running on port");
    cli.run(&["sandbox", "stop"]).await.exits(1).says("wasn't started by provisioner");
    cli.run(&["sandbox", "status"]).await.ok().says("running on port");
}

#[tokio::test]
async fn server_stops_when_its_test_ends() {
    let own = Sandbox::fresh().await;
    let (port, pid) = (own.port().expect("a sandbox of its own"), own.pid());
    assert_eq!(sandbox::status(port).unwrap().unwrap().pid, pid);
    drop(own);
    assert!(sandbox::status(port).unwrap().is_none());
}

#[test]
fn server_stops_with_the_process_that_started_it() {
    let folder = tempfile::tempdir().unwrap();
    let installed = sandbox::prepare(&quiet).unwrap();
    let mut command = installed.command(0, 0, 0.0, folder.path());
    command.arg("--exit-with-parent").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line).unwrap();
    assert!(line.starts_with("ready port="), "{line}");
    // The kernel does this when the parent dies.
    drop(child.stdin.take());
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while child.try_wait().unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline, "it is still up");
        std::thread::sleep(Duration::from_millis(20));
    }
}
