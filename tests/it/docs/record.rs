//! Records the output of the commands in the documentation.

use std::path::Path;
use std::process::Stdio;

use super::samples::{Part, Sample, normalise, parse_page, parse_recording};
use super::{pages, read};
use crate::support::Sandbox;
use crate::support::program::succeed;
use crate::support::server::installed;

#[tokio::test]
#[ignore = "rewrites docs/recorded: run `just record`"]
async fn record() {
    for page in pages() {
        println!("{}", page.path.display());
        let parts = parse_page(&read(&page.path));
        std::fs::write(&page.recording, run(&parts).await).expect("docs/recorded can be written");
    }
}

/// Runs a page's scripts and commands in one shell, with a sandbox and a folder of their own; returns the recording.
async fn run(parts: &[Part]) -> String {
    let sandbox = Sandbox::fresh().await;
    let ports = [("4566", sandbox.port().expect("a sandbox")), ("4567", sandbox.front_door_port())];
    let folder = tempfile::tempdir().expect("a folder");
    let binary = Path::new(env!("CARGO_BIN_EXE_provisioner")).parent().expect("a folder");
    let path = std::env::join_paths(
        [binary.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").expect("a PATH"))),
    );

    let mut shell = tokio::process::Command::new("bash");
    shell.args(["-c", &script(parts, &ports)]).current_dir(folder.path()).envs(sandbox.credentials());
    shell.env("PATH", path.expect("a PATH")).env("EXAMPLES", binary.join("examples"));
    shell.env("PROVISIONER_SANDBOX_PORT", ports[0].1.to_string()).env("SANDBOX_PYTHON", &installed().await.python);
    let output = succeed(shell.stdin(Stdio::null()).output().await.expect("bash runs"));

    let mut text = String::from_utf8(output.stdout).expect("UTF-8");
    for (documented, actual) in ports {
        text = text.replace(&format!(":{actual}"), &format!(":{documented}"));
        text = text.replace(&format!("port {actual}"), &format!("port {documented}"));
    }
    parse_recording(&text).iter().map(recorded).collect()
}

/// A shell script that prints each command and its output. It ends if a script of the page fails or a
/// command isn't found.
fn script(parts: &[Part], ports: &[(&str, u16)]) -> String {
    let actual = |text: &str| {
        ports.iter().fold(text.to_owned(), |text, (documented, port)| {
            text.replace(&format!(":{documented}"), &format!(":{port}"))
        })
    };
    let mut script = "exec 2>&1\n\
        trap 'kill $(jobs -p) 2> /dev/null' EXIT\n\
        python() { \"$SANDBOX_PYTHON\" \"$@\"; }\n"
        .to_owned();
    for part in parts {
        script += &match part {
            Part::Setup(setup) => format!(
                "source /dev/stdin > setup.log 2>&1 <<'SETUP' || {{ cat setup.log; exit 1; }}\n{}\nSETUP\n",
                actual(setup)
            ),
            Part::Sample(Sample { command, .. }) => {
                let shown = quote(&format!("$ {command}"));
                format!(
                    "printf '%s\\n' {shown}\n{{ {}\n}} < /dev/null\n(($? == 127)) && exit 1; echo\n",
                    actual(command)
                )
            }
        };
    }
    script + "exit 0\n"
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A sample in a recording: normalised, and with concurrent events sorted, so that a second recording is the same.
fn recorded(sample: &Sample) -> String {
    let output = sample.output.iter().filter(|line| !is_partial_read(line));
    let lines: Vec<String> = output.map(|line| normalise(line)).collect();
    let (mut events, _): (Vec<&String>, Vec<&String>) = lines.iter().partition(|line| is_event(line));
    events.sort();
    let mut text = format!("$ {}\n", sample.command);
    let first = lines.iter().position(|line| is_event(line));
    for (index, line) in lines.iter().enumerate() {
        if Some(index) == first {
            events.iter().for_each(|event| text += &format!("{event}\n"));
        }
        if !is_event(line) {
            text += &format!("{line}\n");
        }
    }
    text + "\n"
}

/// True for progress that only a slow machine prints: `read 200 of 452 resources`.
fn is_partial_read(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    matches!(words[..], ["read", done, "of", total, "resources"] if done != total)
}

/// True if the line reports an event of a step. Steps run concurrently.
fn is_event(line: &str) -> bool {
    let verbs = ["creat", "updat", "replac", "delet", "left out ", "FAILED ", "skipped "];
    verbs.iter().any(|verb| line.starts_with(verb)) || line.starts_with("  ") && line.contains(" waits for ")
}
