//! Runs the built binary as a person or a pipeline would: in its own folder, without the machine's AWS settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::program::copy_folder;
use super::wait::wait_for;
use super::{Proxy, Sandbox};

/// No command takes this long against a sandbox, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);

/// The binary with a folder to work in.
pub struct Cli {
    binary: PathBuf,
    folder: TempDir,
    flags: Vec<String>,
    environment: BTreeMap<String, String>,
    largest_file: Option<u64>,
}

impl Cli {
    /// Works on this AWS.
    pub fn new(sandbox: &Sandbox) -> Self {
        let mut cli = Cli::offline();
        match sandbox.port() {
            Some(port) => cli.flags.extend(["--sandbox".to_owned(), "--sandbox-port".to_owned(), port.to_string()]),
            None => {
                let credentials = sandbox.credentials().into_iter();
                cli.environment.extend(credentials.map(|(name, value)| (name.to_owned(), value)));
            }
        }
        cli
    }

    /// The same folder, copied, with another sandbox.
    pub fn copy(&self, sandbox: &Sandbox) -> Self {
        let copy = Cli { binary: self.binary.clone(), ..Cli::new(sandbox) };
        // Its contents: the copy has a folder already.
        copy_folder(&self.folder().join("."), copy.folder());
        copy
    }

    /// Works on the AWS behind this proxy.
    pub fn through(proxy: &Proxy) -> Self {
        let mut cli = Cli::offline();
        cli.flags.extend(["--sandbox".to_owned(), "--sandbox-port".to_owned(), proxy.port().to_string()]);
        cli
    }

    /// Knows of no AWS and has no credentials.
    pub fn offline() -> Self {
        let folder = tempfile::Builder::new().prefix("provisioner-").tempdir().expect("a temporary folder");
        let nothing =
            ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"].map(|name| (name.to_owned(), "/dev/null".to_owned()));
        let mut environment = BTreeMap::from(nothing);
        environment.insert("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned());
        Cli {
            binary: env!("CARGO_BIN_EXE_provisioner").into(),
            folder,
            flags: Vec::new(),
            environment,
            largest_file: None,
        }
    }

    /// The same with another binary.
    pub fn of(self, binary: PathBuf) -> Self {
        Cli { binary, ..self }
    }

    /// The folder that the binary runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the state files.
    pub fn state_folder(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// The state of a suffix, as it is on disk.
    pub fn state(&self, suffix: &str) -> Value {
        let path = self.state_folder().join(format!("{suffix}.json"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("no state {}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} is no JSON: {error}", path.display()))
    }

    /// The ids of the steps in the state of a suffix.
    pub fn step_ids(&self, suffix: &str) -> BTreeSet<String> {
        self.state(suffix)["steps"].as_object().expect("a state has steps").keys().cloned().collect()
    }

    /// Writes `provisioner.toml`, which the binary reads without a flag.
    pub fn configure(&self, toml: &str) {
        std::fs::write(self.folder().join("provisioner.toml"), toml).expect("the configuration can be written");
    }

    /// Sets an environment variable for all that follows.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Limits the size of every file from now on, as a full disk would; `None` removes the limit.
    pub fn set_largest_file(&mut self, bytes: Option<u64>) {
        self.largest_file = bytes;
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Run {
        self.start(arguments).finish().await
    }

    /// Starts a command, to watch or stop it while it runs.
    pub fn start(&self, arguments: &[&str]) -> Started {
        let mut command = Command::new(if self.largest_file.is_some() { Path::new("sh") } else { &self.binary });
        if let Some(bytes) = self.largest_file {
            // In blocks of 512 bytes. A full disk sends no signal, so it is ignored.
            command.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &(bytes / 512).to_string()]);
            command.arg(&self.binary);
        }
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("AWS_") || (name.starts_with("PROVISIONER_") && name != "PROVISIONER_PYTHON") {
                command.env_remove(&*name);
            }
        }
        command.args(&self.flags).args(arguments).envs(&self.environment).current_dir(self.folder());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the binary runs");
        let stdout = Output::of(child.stdout.take().expect("stdout is piped"));
        let stderr = Output::of(child.stderr.take().expect("stderr is piped"));
        Started { command: format!("provisioner {}", arguments.join(" ")), child, stdout, stderr }
    }
}

/// A running command; dropping it kills it.
pub struct Started {
    command: String,
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Started {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_else(|| panic!("`{}` has ended", self.command))
    }

    /// Waits until stdout or stderr contains this text.
    pub async fn says(&self, text: &str) {
        self.says_often(text, 1).await;
    }

    /// Waits until stdout or stderr contains this text this many times.
    pub async fn says_often(&self, text: &str, times: usize) {
        let said = wait_for(LIMIT, || {
            let ended = self.stdout.ended() && self.stderr.ended();
            let found = [&self.stdout, &self.stderr].iter().any(|said| said.text().matches(text).count() >= times);
            (found || ended).then_some(found)
        });
        if said.await != Some(true) {
            let (command, stdout, stderr) = (&self.command, self.stdout.text(), self.stderr.text());
            panic!("`{command}` never says {text:?} {times} times:\n{stdout}{stderr}");
        }
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Kills it (SIGKILL).
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid.unwrap_or_else(|| panic!("`{}` has ended", self.command));
        kill_process(pid, signal).expect("the signal is sent");
    }

    /// Waits for its end.
    pub async fn finish(mut self) -> Run {
        let Ok(ended) = tokio::time::timeout(LIMIT, self.child.wait()).await else {
            panic!("`{}` doesn't end:\n{}{}", self.command, self.stdout.text(), self.stderr.text());
        };
        let code = ended.expect("its end can be awaited").code();
        let (stdout, stderr) = (self.stdout.whole().await, self.stderr.whole().await);
        Run { command: self.command, code, stdout, stderr }
    }
}

/// The output of a command, collected while it runs.
struct Output {
    gathered: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Output {
    fn of(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let gathered = Arc::new(Mutex::new(Vec::new()));
        let into = gathered.clone();
        let reader = tokio::spawn(async move {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut chunk).await {
                into.lock().expect("no panic holds this lock").extend_from_slice(&chunk[..length]);
            }
        });
        Output { gathered, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.gathered.lock().expect("no panic holds this lock")).into_owned()
    }

    fn ended(&self) -> bool {
        self.reader.is_finished()
    }

    async fn whole(mut self) -> String {
        (&mut self.reader).await.expect("reading doesn't panic");
        self.text()
    }
}

/// A command that has ended.
#[derive(Clone, Debug)]
pub struct Run {
    command: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl Run {
    /// Fails unless it succeeded.
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Fails unless it ended with this code.
    pub fn exits(self, code: i32) -> Self {
        let Run { command, stdout, stderr, .. } = &self;
        let ended = self.code.map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"));
        assert!(self.code == Some(code), "`{command}` ended {ended}, not with {code}:\n{stdout}{stderr}");
        self
    }

    /// Fails unless stdout or stderr holds this text.
    pub fn says(self, text: &str) -> Self {
        let Run { command, stdout, stderr, .. } = &self;
        assert!(stdout.contains(text) || stderr.contains(text), "`{command}` doesn't say {text:?}:\n{stdout}{stderr}");
        self
    }

    /// Fails unless stderr holds this text, however its lines are broken and drawn.
    pub fn explains(self, text: &str) -> Self {
        let flat = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '│').collect::<String>();
        let Run { command, stderr, .. } = &self;
        assert!(flat(stderr).contains(&flat(text)), "`{command}` doesn't explain {text:?}:\n{stderr}");
        self
    }

    /// Fails if stdout or stderr holds this text.
    pub fn never_says(self, text: &str) -> Self {
        let Run { command, stdout, stderr, .. } = &self;
        assert!(!stdout.contains(text) && !stderr.contains(text), "`{command}` says {text:?}:\n{stdout}{stderr}");
        self
    }

    /// The lines of `--json`.
    pub fn events(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line);
        let events: Result<_, _> = self.stdout.lines().map(parse).collect();
        events.unwrap_or_else(|error| {
            panic!("`{}` prints a line that is no JSON ({error}):\n{}", self.command, self.stdout)
        })
    }

    /// The last line of `--json`.
    pub fn summary(&self) -> Summary {
        let last = self.events().pop().unwrap_or_default();
        assert!(last["type"] == "summary", "`{}` prints no summary:\n{}{}", self.command, self.stdout, self.stderr);
        serde_json::from_value(last.clone()).unwrap_or_else(|error| panic!("no summary ({error}): {last}"))
    }
}

/// The end of a run with `--json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Summary {
    /// How many steps were created.
    pub created: u64,
    /// How many steps were changed in place.
    pub updated: u64,
    /// How many steps were replaced.
    pub replaced: u64,
    /// How many steps were deleted.
    pub deleted: u64,
    /// How many steps needed no change.
    pub unchanged: u64,
    /// How many steps failed.
    pub failed: u64,
    /// How many AWS calls were made.
    pub api_calls: u64,
    /// All other fields of the summary.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}
