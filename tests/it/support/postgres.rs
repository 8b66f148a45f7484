//! A private PostgreSQL with TLS in the place of Aurora PostgreSQL.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::Shared;
use super::program::{certify, copy_folder, find, free_port, option, succeed};
use super::wait::wait_for;

const START: Duration = Duration::from_secs(60);
/// Where Debian puts it, below the number of its version.
const DEBIAN: &str = "/usr/lib/postgresql";
const PACKAGE: &str = "PostgreSQL (Debian, Ubuntu: apt install postgresql)";
/// `nobody`, everywhere.
const NOBODY: (u32, u32) = (65534, 65534);
/// Network clients need TLS and a password, as on Aurora with `rds.force_ssl`.
const ACCESS: &str = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";

/// A server on its own port that accepts only TLS; killed when dropped.
pub struct Postgres {
    child: Child,
    folder: TempDir,
    /// Its port on loopback.
    pub port: u16,
    /// The authority that signed its certificate, PEM.
    pub ca: String,
}

impl Postgres {
    /// Starts one whose certificate is for these host names. It knows one user, `postgres` without a password, who comes in
    /// through the socket only.
    pub async fn start(hosts: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("postgres-").tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let ca = certify(folder.path(), hosts);
        // It rejects a key that other users can read.
        fs::set_permissions(at("server.key"), Permissions::from_mode(0o600)).expect("the key can be kept private");
        for path in [folder.path(), &at("server.key")] {
            own(path);
        }

        copy_folder(&installed().await.path().join("data"), &at("data"));
        fs::write(at("data/pg_hba.conf"), ACCESS).expect("the server's folder can be written");

        let port = free_port();
        let log = File::create(at("log")).expect("a log file");
        let mut server = program("postgres");
        server.arg("-D").arg(at("data")).current_dir("/");
        let file = |name: &str| at(name).display().to_string();
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", folder.path().display()),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", file("server.pem")),
            format!("ssl_key_file={}", file("server.key")),
            // Its data is thrown away.
            "fsync=off".to_owned(),
            "shared_buffers=32MB".to_owned(),
        ] {
            server.arg("-c").arg(setting);
        }
        server.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = server.spawn().expect("postgres runs");
        let mut database = Postgres { child, folder, port, ca };
        let up = wait_for(START, || {
            let ended = database.child.try_wait().expect("postgres's process can be asked");
            assert!(ended.is_none(), "postgres ended at once:\n{}", database.log());
            database
                .client("postgres")
                .arg("--command=SELECT 1")
                .output()
                .expect("psql runs")
                .status
                .success()
                .then_some(())
        });
        if up.await.is_none() {
            panic!("postgres isn't up after a minute:\n{}", database.log());
        }
        database
    }

    /// Runs SQL on a database as its superuser; returns the rows, columns separated by tabs.
    pub fn sql(&self, database: &str, sql: &str) -> Vec<String> {
        let output = succeed(self.client(database).arg(format!("--command={sql}")).output().expect("psql runs"));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    fn client(&self, database: &str) -> Command {
        let mut client = program("psql");
        client.args([
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--field-separator=\t",
            "--username=postgres",
        ]);
        client.arg(option("host", self.folder.path())).arg(format!("--port={}", self.port));
        client.args(["--set=ON_ERROR_STOP=1", &format!("--dbname={database}")]).current_dir("/");
        client
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // By this signal it ends at once, with all of its processes and shared memory.
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::QUIT);
        }
        let _ = self.child.wait();
    }
}

/// A new cluster, created once.
async fn installed() -> Arc<TempDir> {
    static INSTALLED: Shared<TempDir> = Shared::new();
    let install = async || {
        let folder = tempfile::Builder::new().prefix("postgres-new-").tempdir().expect("a temporary folder");
        own(folder.path());
        let data = folder.path().join("data");
        let mut install = program("initdb");
        install.arg(option("pgdata", &data)).args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
        succeed(install.args(["--locale=C", "--no-sync"]).current_dir("/").output().expect("initdb runs"));
        folder
    };
    INSTALLED.get(install).await
}

/// One of its programs. It refuses to run as root, so root runs it as `nobody`.
fn program(name: &str) -> Command {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    let mut command = Command::new(find(name, versions.into_iter().rev(), PACKAGE));
    if is_root() {
        command.uid(NOBODY.0).gid(NOBODY.1);
    }
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Gives a file to whom the server runs as.
fn own(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY.0), Some(NOBODY.1)).expect("root can give files away");
    }
}
