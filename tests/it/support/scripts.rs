//! Python scripts with boto3. One process imports it and is forked for each script.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::Shared;
use super::server::installed;
use super::wait::wait_for;

const START: Duration = Duration::from_secs(60);

/// The process that is forked. It ends with this value, or when this process ends.
struct ForkServer {
    child: Child,
    folder: TempDir,
}

#[derive(Deserialize)]
struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

/// The folder of the scripts, which import one another.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/python")
}

/// Runs `python` with these arguments; returns the JSON that it prints, `Null` if it prints nothing.
pub async fn run(arguments: &[&str], environment: &BTreeMap<&str, String>) -> Value {
    static SERVER: Shared<ForkServer> = Shared::new();
    let server = SERVER.get(ForkServer::start).await;
    let request = json!({ "arguments": arguments, "environment": environment });
    let answer = async {
        let mut stream = UnixStream::connect(server.socket()).await?;
        stream.write_all(request.to_string().as_bytes()).await?;
        stream.shutdown().await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = answer.await.expect("the fork server answers");
    let Ended { status, stdout, stderr } = serde_json::from_slice(&answer).expect("the script ends orderly");
    assert!(status == 0, "Python failed:\n{stdout}{stderr}");
    if stdout.trim().is_empty() {
        return Value::Null;
    }
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("Python prints no JSON ({error}):\n{stdout}"))
}

impl ForkServer {
    async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("scripts-").tempdir().expect("a temporary folder");
        let mut command = Command::new(&installed().await.python);
        command.arg(self::folder().join("fork_server.py")).arg(folder.path().join("socket"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AWS_")) {
            command.env_remove(name);
        }
        command.env("PYTHONPATH", self::folder()).env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::piped()).process_group(0);
        let child = command.spawn().expect("Python runs");
        let mut server = ForkServer { child, folder };
        let started = wait_for(START, || {
            let ended = server.child.try_wait().expect("its process can be asked");
            assert!(ended.is_none(), "the fork server ended at once");
            std::os::unix::net::UnixStream::connect(server.socket()).ok()
        });
        started.await.expect("the fork server listens within a minute");
        server
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

impl Drop for ForkServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
