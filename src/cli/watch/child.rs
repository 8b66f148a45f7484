//! Commands that keys start: child processes that continue when the screen is closed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use console::strip_ansi_codes;

use crate::cli::Globals;

/// Starts commands with the flags of this run.
#[derive(Clone, Debug)]
pub struct Launcher {
    flags: Vec<std::ffi::OsString>,
    suffix: String,
}

/// A started command.
#[derive(Debug)]
pub struct ChildCommand {
    /// The command line: `provisioner failback`.
    pub command: String,
    /// When it was started.
    pub started: Instant,
    /// The file with its output.
    pub log: PathBuf,
    /// Its exit status, and when it ended.
    pub ended: Option<(ExitStatus, Instant)>,
    child: Child,
    lines: Vec<String>,
}

impl Launcher {
    /// A launcher for commands on the same deployment.
    pub fn new(globals: &Globals, suffix: &str) -> Self {
        let mut flags = vec!["--suffix".into(), suffix.into(), "--state".into(), globals.state.to_string().into()];
        if let Some(config) = &globals.config {
            flags.extend(["--config".into(), config.clone().into()]);
        }
        if globals.sandbox {
            flags.extend(["--sandbox".into(), "--sandbox-port".into(), globals.sandbox_port.to_string().into()]);
        }
        Launcher { flags, suffix: suffix.to_owned() }
    }

    /// Starts a command. It writes to a file and has its own process group, so that it survives the terminal.
    pub fn start(&self, arguments: &[&str]) -> io::Result<ChildCommand> {
        let (log, path) = log_file(&std::env::temp_dir(), &self.suffix)?;
        let mut command = Command::new(program()?);
        command.args(arguments).args(&self.flags).env("NO_COLOR", "1").process_group(0);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let command = format!("provisioner {}", arguments.join(" "));
        Ok(ChildCommand { command, started: Instant::now(), log: path, ended: None, child, lines: Vec::new() })
    }
}

/// The path of this program. Works after an update has replaced its file: a failback must always be possible.
fn program() -> io::Result<PathBuf> {
    let file = std::env::current_exe()?;
    Ok(if file.exists() { file } else { PathBuf::from("/proc/self/exe") })
}

/// Creates a new log file.
fn log_file(folder: &Path, suffix: &str) -> io::Result<(File, PathBuf)> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("provisioner-{suffix}-{}-{number}.log", std::process::id()));
        match File::options().append(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (file, path)),
        }
    }
}

impl ChildCommand {
    /// Reads its output, and whether it has ended.
    pub fn update(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // Checked first, so that the last output of an ended command is read.
        if let Ok(Some(status)) = self.child.try_wait() {
            self.ended = Some((status, Instant::now()));
        }
        if let Ok(text) = fs::read(&self.log) {
            let text = String::from_utf8_lossy(&text);
            let lines = text.lines().map(|line| strip_ansi_codes(line).trim_end().to_owned());
            self.lines = lines.filter(|line| !line.is_empty()).collect();
        }
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// True until it has ended.
    pub fn is_running(&self) -> bool {
        self.ended.is_none()
    }

    /// True if it runs this subcommand: `shift`, `failback`.
    pub fn is(&self, subcommand: &str) -> bool {
        self.command.split(' ').nth(1) == Some(subcommand)
    }

    /// Its output so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Removes its log file.
    pub fn remove_log(&self) {
        let _ = fs::remove_file(&self.log);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_files_are_unique_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join(format!("provisioner-dev1-{}-2.log", std::process::id()));
        fs::write(&taken, "somebody else's").unwrap();
        let paths: Vec<_> = (0..4).map(|_| log_file(folder.path(), "dev1").unwrap().1).collect();
        assert!(!paths.contains(&taken));
        assert_eq!(fs::read_to_string(&taken).unwrap(), "somebody else's");
        for path in &paths {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(paths.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }
}
