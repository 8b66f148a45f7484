//! A private MariaDB with TLS in the place of Aurora MySQL.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::Shared;
use super::program::{certify, copy_folder, find, free_port, option, succeed};
use super::wait::wait_for;

const START: Duration = Duration::from_secs(60);
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];
const PACKAGE: &str = "MariaDB (Debian, Ubuntu: apt install mariadb-server)";

/// A server on its own port that accepts only TLS; killed when dropped.
pub struct MariaDb {
    child: Child,
    folder: TempDir,
    /// Its port on loopback.
    pub port: u16,
    /// The authority that signed its certificate, PEM.
    pub ca: String,
}

impl MariaDb {
    /// Starts one whose certificate is for these host names. It knows one user, `root` without a password, who comes
    /// in through the socket only.
    pub async fn start(hosts: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("mariadb-").tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let ca = certify(folder.path(), hosts);

        copy_folder(&installed().await.path().join("data"), &at("data"));

        let port = free_port();
        let log = File::create(at("log")).expect("a log file");
        let mut server = Command::new(program("mariadbd"));
        server.arg("--no-defaults").args(as_root()).arg(option("datadir", &at("data")));
        server.arg(option("socket", &at("socket"))).arg(format!("--port={port}")).arg("--bind-address=127.0.0.1");
        server.args(["--skip-name-resolve", "--require-secure-transport=ON", "--tls-version=TLSv1.2,TLSv1.3"]);
        server.args(["--innodb-buffer-pool-size=32M", "--skip-log-bin"]);
        for (name, file) in [("ssl-ca", "ca.pem"), ("ssl-cert", "server.pem"), ("ssl-key", "server.key")] {
            server.arg(option(name, &at(file)));
        }
        server.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = server.spawn().expect("mariadbd runs");
        let mut database = MariaDb { child, folder, port, ca };
        let socket = database.socket();
        let up = wait_for(START, || {
            let ended = database.child.try_wait().expect("mariadbd's process can be asked");
            assert!(ended.is_none(), "mariadbd ended at once:\n{}", database.log());
            UnixStream::connect(&socket).ok()
        });
        if up.await.is_none() {
            panic!("mariadbd isn't up after a minute:\n{}", database.log());
        }
        // Anonymous users, which an installation has, would take any name that isn't there yet.
        database.sql("DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES");
        database
    }

    /// Runs SQL as root; returns the rows, columns separated by tabs.
    pub fn sql(&self, sql: &str) -> Vec<String> {
        let mut client = Command::new(program("mariadb"));
        client.arg("--no-defaults").arg(option("socket", &self.socket())).args([
            "--user=root",
            "--batch",
            "--skip-column-names",
        ]);
        let output = succeed(client.arg("--execute").arg(sql).output().expect("mariadb runs"));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// True if a user can log in with this password, over TLS.
    pub fn lets_in(&self, user: &str, password: &str) -> bool {
        let mut client = Command::new(program("mariadb"));
        // Who the server is doesn't matter here.
        client.args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--disable-ssl-verify-server-cert"]);
        client.arg(option("ssl-ca", &self.folder.path().join("ca.pem"))).arg("--execute=SELECT 1");
        client.arg(format!("--port={}", self.port)).arg(format!("--user={user}")).env("MYSQL_PWD", password);
        client.output().expect("mariadb runs").status.success()
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // Its data is thrown away, so there is nothing that an orderly end would save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A new installation, created once: this takes seconds, and sometimes fails on a busy machine.
async fn installed() -> Arc<TempDir> {
    static INSTALLED: Shared<TempDir> = Shared::new();
    let install = async || {
        let folder = tempfile::Builder::new().prefix("mariadb-new-").tempdir().expect("a temporary folder");
        let mut install = Command::new(program("mariadb-install-db"));
        install.arg("--no-defaults").args(as_root()).arg(option("datadir", &folder.path().join("data")));
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        succeed(install.output().expect("mariadb-install-db runs"));
        folder
    };
    INSTALLED.get(install).await
}

/// mariadbd refuses to run as root without this flag.
fn as_root() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

fn program(name: &str) -> PathBuf {
    find(name, FOLDERS.map(PathBuf::from), PACKAGE)
}
