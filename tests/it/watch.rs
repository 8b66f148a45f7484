//! `provisioner watch` in a terminal: its screen and its keys.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::wait::wait_for;
use crate::traffic::{CONFIGURATION, SUFFIX, Stage, assert_ended, says};

/// Something is always soon on the screen, but not on a busy machine.
const SOON: Duration = Duration::from_secs(120);
/// Runs in the terminal: a refused `watch`, then a working one, then a program that echoes input.
const SESSION: &str = r#"
stty -g > before
"$@" --json
echo "refused with $?"
"$@"
echo "left with $?"
stty -g > after
exec cat
"#;

/// A terminal without a person: tmux with a server of its own, which ends with this value, and with it whatever was
/// started there.
struct Terminal {
    socket: PathBuf,
    state: PathBuf,
    program: PathBuf,
}

impl Terminal {
    /// Runs `provisioner watch` for this stage.
    fn watching(stage: &Stage) -> Self {
        let folder = stage.cli.folder();
        let [socket, program] = ["tmux", "provisioner"].map(|name| folder.join(name));
        let terminal = Terminal { socket, state: stage.cli.state_folder(), program };
        // By another process: a file that this one has written can't be run for as long as any child of it has it open.
        run(Command::new("cp").arg(env!("CARGO_BIN_EXE_provisioner")).arg(&terminal.program));
        let port = stage.sandbox.port().expect("a sandbox of this test's own").to_string();
        let mut start = terminal.tmux(&["new-session", "-d", "-x", "120", "-y", "40"]);
        start.args(["sh", "-c", SESSION, "sh"]).arg(&terminal.program);
        start.args(["watch", "--suffix", SUFFIX, "--sandbox", "--sandbox-port", &port, "--state"]).arg(&terminal.state);
        // Programs have the environment of tmux's server, without the machine's AWS settings.
        let kept = ["PATH", "HOME"].map(|name| (name, std::env::var_os(name).unwrap_or_default()));
        start.env_clear().envs(kept).env("LANG", "C.UTF-8").env("TMPDIR", folder).current_dir(folder);
        run(&mut start);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(&self.socket).args(arguments);
        command
    }

    /// Presses keys, by the names that tmux has for them.
    fn press(&self, keys: &[&str]) {
        run(self.tmux(&["send-keys"]).args(keys));
    }

    fn screen(&self) -> String {
        run(&mut self.tmux(&["capture-pane", "-p"]))
    }

    /// True while a program has taken over the screen.
    fn is_taken_over(&self) -> bool {
        run(&mut self.tmux(&["display-message", "-p", "#{alternate_on}"])).trim() == "1"
    }

    /// Waits until the screen is like this.
    async fn is(&self, what: &str, is_it: impl Fn(&str) -> bool) {
        let found = wait_for(SOON, || is_it(&self.screen()).then_some(())).await;
        found.unwrap_or_else(|| panic!("the screen is never {what}:\n{}", self.screen()));
    }

    async fn shows(&self, text: &str) {
        self.is(&format!("with {text:?}"), |screen| screen.contains(text)).await;
    }

    async fn shows_no(&self, text: &str) {
        self.is(&format!("without {text:?}"), |screen| !screen.contains(text)).await;
    }

    /// Waits until both edges and the live name are shown with these shares of green.
    async fn shows_shares(&self, stage: &Stage, edges: u32, dns: u32) {
        let expected = [("blue edge", edges), ("green edge", edges), (&stage.live, dns)];
        let shown = |screen: &str, (lever, green): (&str, u32)| share(screen, lever) == Some([100 - green, green]);
        let what = format!("at {edges} % and {dns} %");
        self.is(&what, |screen| expected.iter().all(|lever| shown(screen, *lever))).await;
    }

    /// Presses a key, and confirms once the question is shown.
    async fn agrees(&self, key: &str, question: &str) {
        self.press(&[key]);
        self.shows(question).await;
        self.press(&["y"]);
        self.shows_no(question).await;
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let screen = self.tmux(&["capture-pane", "-p"]).output();
            let screen = screen.map(|output| output.stdout).unwrap_or_default();
            eprintln!("the screen at last:\n{}", String::from_utf8_lossy(&screen));
        }
        let _ = self.tmux(&["kill-server"]).output();
        // Commands started by keys outlive the terminal; no other test uses this state.
        started_with(&self.state).into_iter().for_each(|process| {
            let _ = kill_process(process, Signal::KILL);
        });
    }
}

/// The processes that have this path among their arguments; on a system without `/proc` none are found.
fn started_with(path: &Path) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let is_it = |process: &PathBuf| {
        let arguments = std::fs::read(process.join("cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|argument| argument == path.as_os_str().as_encoded_bytes())
    };
    let pid = |process: PathBuf| Pid::from_raw(process.file_name()?.to_str()?.parse().ok()?);
    processes.filter(is_it).filter_map(pid).collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?} can't be run, is tmux installed (Debian, Ubuntu: apt install tmux)? {error}");
    });
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The shares of a lever on the screen in percent: blue's left of its bar, green's right of it.
fn share(screen: &str, lever: &str) -> Option<[u32; 2]> {
    let row = |line: &str| Some(line.split('│').nth(1)?.trim().strip_prefix(lever)?.to_owned());
    let row = screen.lines().find_map(row)?;
    let mut percents = row.split('%').map(|part| part.split_whitespace().last()?.parse().ok());
    Some([percents.next()??, percents.next()??])
}

/// Logs of commands that were started from the screen.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect()
}

#[tokio::test]
async fn watch_follows_and_controls_a_shift() {
    let stage = Stage::applied().await;
    // There are no requests, and the shift needs none.
    stage.cli.configure(&CONFIGURATION.replace("[shift]", "[shift]\nleast_requests = 0"));
    let refused = stage.run(&["watch"]).await.exits(1).explains("needs a terminal");
    assert_eq!(refused.stdout, "");

    let terminal = Terminal::watching(&stage);
    terminal.shows_shares(&stage, 0, 0).await;
    assert!(terminal.is_taken_over());
    for text in ["green serves 0 %", "no shift in progress", "the history is empty", "✓ alarms", "275 s"] {
        terminal.shows(text).await;
    }
    // The program may be replaced while it runs. On Linux keys still start it.
    if cfg!(target_os = "linux") {
        std::fs::remove_file(&terminal.program).expect("the program's file can be removed");
    }
    terminal.press(&["?"]);
    terminal.shows("hold: the shift stops at its current step, on any machine").await;
    terminal.press(&["?"]);
    terminal.shows_no("on any machine").await;
    terminal.press(&["h"]);
    terminal.shows("nothing to hold").await;

    let shift = stage.start_shift(&["--steps", "30,60", "--hold", "10m", "--reason", "CHG-1042"]);
    terminal.shows_shares(&stage, 30, 0).await;
    for text in ["green serves 30 %", "from 0 % ── ▶ 30 % ── ○ 60 %", "holding 30 % since", "reason: CHG-1042"]
    {
        terminal.shows(text).await;
    }

    // Any key but y cancels.
    let known = stage.history().len();
    for (key, question) in [("h", "Hold the shift"), ("a", "Abort the shift"), ("f", "Fail back:")] {
        terminal.press(&[key]);
        terminal.shows(question).await;
        terminal.press(&["Enter", "Space", "Y", key, "n"]);
        terminal.shows_no(question).await;
    }
    let done: Vec<_> = stage.history().split_off(known);
    assert!(done.iter().all(|entry| says(entry, "gates", None)), "{done:#?}");
    assert!(logs(stage.cli.folder()).is_empty(), "a command was started");

    terminal.agrees("h", "Hold the shift at its current step? y/n").await;
    assert_ended(&shift.finish().await.exits(3), "held", &["hold requested by"]);
    let asked = stage.history().into_iter().find(|entry| says(entry, "hold_asked", None)).expect("it is put down");
    assert_eq!(asked["by"]["command"], "provisioner watch");
    terminal.shows("‖ held: ").await;
    terminal.shows_shares(&stage, 30, 0).await;

    let known = stage.history().len();
    terminal.agrees("c", "Continue the shift: give green 30 %, then 60 %? y/n").await;
    let resumed = |entry: &Value| says(entry, "shift_started", None) && entry["resumed"] == true;
    stage.awaits(known, "the shift that goes on", resumed).await;
    for text in ["provisioner shift --resume", "shift resumed: 0 % → 30, 60 %", "holding 30 % since"] {
        terminal.shows(text).await;
    }

    // The shift is in progress, so it is held before it is aborted.
    terminal.agrees("a", "Abort the shift: all traffic to blue? y/n").await;
    terminal.shows("provisioner shift --abort --yes ✓ done in ").await;
    terminal.shows_shares(&stage, 0, 0).await;
    terminal.shows("no shift in progress").await;
    stage.assert_green(0).await;
    let ends = stage.history().into_iter().skip(known).filter(|entry| says(entry, "shift_ended", None));
    let ends: Vec<_> = ends.map(|entry| entry["outcome"].clone()).collect();
    assert_eq!(ends, ["held", "aborted"]);

    let shift = stage.start_shift(&["--green", "50", "--hold", "10m"]);
    terminal.shows_shares(&stage, 50, 0).await;
    terminal.agrees("f", "Fail back: all traffic to blue, now? y/n").await;
    terminal.shows("provisioner failback ✓ done in ").await;
    terminal.shows("failed back: all traffic at blue").await;
    assert_ended(&shift.finish().await.exits(1), "failed_back", &["failback"]);
    terminal.shows_shares(&stage, 0, 0).await;
    stage.assert_green(0).await;
    assert_eq!(stage.status().await["green"], 0);
    stage.run(&["history", "--verify"]).await.ok();

    assert!(terminal.is_taken_over());
    terminal.press(&["q"]);
    // The previous screen is restored, and input is echoed.
    terminal.shows("left with 0").await;
    assert!(!terminal.is_taken_over());
    for text in ["needs a terminal", "refused with 1"] {
        terminal.shows(text).await;
    }
    terminal.press(&["anybody there", "Enter"]);
    terminal.is("one that echoes", |screen| screen.matches("anybody there").count() == 2).await;
    let modes = |name: &str| std::fs::read_to_string(stage.cli.folder().join(name)).expect("stty wrote it");
    assert_eq!(modes("after"), modes("before"));
    assert!(logs(stage.cli.folder()).is_empty(), "needless logs are left");
}
