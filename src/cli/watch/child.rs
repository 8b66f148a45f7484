//! Commands that keys start: each is a process that goes on by itself, whatever becomes of the screen.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use console::strip_ansi_codes;

use super::super::Globals;

/// What all commands are started with.
#[derive(Clone, Debug)]
pub struct Launcher {
    flags: Vec<std::ffi::OsString>,
    suffix: String,
}

/// A command that was started.
#[derive(Debug)]
pub struct Started {
    /// As it would be typed: `provisioner failback`.
    pub command: String,
    /// When.
    pub began: Instant,
    /// Where it writes to.
    pub log: PathBuf,
    /// How it ended, and when.
    pub ended: Option<(ExitStatus, Instant)>,
    child: Child,
    lines: Vec<String>,
}

impl Launcher {
    /// Commands on the same deployment, in the same AWS.
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

    /// Starts it. It writes to a file, and is in a process group of its own: a terminal that closes doesn't end it.
    pub fn start(&self, arguments: &[&str]) -> io::Result<Started> {
        let (log, path) = log_file(&std::env::temp_dir(), &self.suffix)?;
        let mut command = Command::new(program()?);
        command.args(arguments).args(&self.flags).env("NO_COLOR", "1").process_group(0);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let command = format!("provisioner {}", arguments.join(" "));
        Ok(Started { command, began: Instant::now(), log: path, ended: None, child, lines: Vec::new() })
    }
}

/// This program, also when an update has replaced its file: whoever watches for long has to be able to fail back still.
fn program() -> io::Result<PathBuf> {
    let file = std::env::current_exe()?;
    Ok(if file.exists() { file } else { PathBuf::from("/proc/self/exe") })
}

/// A new file that nobody else can have put there.
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

impl Started {
    /// Looks what it has written, and whether it has ended.
    pub fn look(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // Asked first: what it wrote last is read in any case.
        if let Ok(Some(status)) = self.child.try_wait() {
            self.ended = Some((status, Instant::now()));
        }
        if let Ok(text) = fs::read(&self.log) {
            let text = String::from_utf8_lossy(&text);
            let lines = text.lines().map(|line| strip_ansi_codes(line).trim_end().to_owned());
            self.lines = lines.filter(|line| !line.is_empty()).collect();
        }
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// True until it has ended.
    pub fn runs(&self) -> bool {
        self.ended.is_none()
    }

    /// True if this is what was started: `shift`, `failback`.
    pub fn is(&self, subcommand: &str) -> bool {
        self.command.split(' ').nth(1) == Some(subcommand)
    }

    /// What it has written so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Removes its file; nobody is to read it any more.
    pub fn forget(&self) {
        let _ = fs::remove_file(&self.log);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_writes_to_a_file_of_its_own_that_others_cannot_read() {
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
