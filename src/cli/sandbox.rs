use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::say::say;
use super::{Globals, Outcome, progress};
use crate::sandbox::{self, Options, SandboxError};

/// `provisioner sandbox`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner sandbox start --time-scale 60")]
pub struct Sandbox {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start it unless it is running
    Start(Start),
    /// Stop it; everything in it is lost
    Stop,
    /// Show whether it is running
    Status,
    /// Delete everything in it
    Reset,
}

#[derive(Debug, Args)]
struct Start {
    /// The port on which load balancers answer [default: the sandbox's port + 1]
    #[arg(long, value_name = "PORT")]
    front_door_port: Option<u16>,
    /// How much faster than on AWS resources become ready: 1 is as slow as AWS, 60 turns minutes into seconds, 0 is immediate
    #[arg(long, value_name = "N")]
    time_scale: Option<f64>,
}

impl Sandbox {
    pub async fn run(self, globals: &Globals) -> Outcome {
        // These functions block: they start processes and wait for them.
        tokio::task::block_in_place(|| self.blocking(globals))
    }

    fn blocking(self, globals: &Globals) -> Outcome {
        let port = globals.sandbox_port;
        let say = |json: serde_json::Value, text: String| {
            if globals.json { progress::print_json(&json) } else { say!("{text}") }
        };
        match self.command {
            Command::Start(Start { front_door_port, time_scale }) => {
                let options = Options { front_door_port, time_scale, ..Options::at(port) };
                let running = sandbox::start(&options, &|message| progress::note(message))?;
                let door = running.front_door_port;
                say(
                    json!({"type": "summary", "port": running.port, "front_door_port": door, "pid": running.pid,
                        "started": running.started, "time_scale": running.time_scale, "log": running.log}),
                    format!(
                        "the sandbox is running: AWS at http://127.0.0.1:{}, load balancers at http://127.0.0.1:{door} by \
                         Host header; log {}",
                        running.port,
                        running.log.display(),
                    ),
                );
            }
            Command::Stop => {
                let stopped = sandbox::stop(port)?;
                let text = if stopped { "stopped" } else { "it was not running" };
                say(json!({"type": "summary", "stopped": stopped}), text.to_owned());
            }
            Command::Status => match sandbox::status(port)? {
                Some(status) => say(
                    json!({"type": "summary", "up": true, "port": port, "front_door_port": status.front_door_port,
                        "time_scale": status.time_scale, "calls": status.calls}),
                    format!(
                        "running on port {port}, load balancers on port {}; {} API calls so far",
                        status.front_door_port, status.calls
                    ),
                ),
                None => {
                    say(json!({"type": "summary", "up": false, "port": port}), format!("not running on port {port}"))
                }
            },
            Command::Reset => {
                if sandbox::status(port)?.is_none() {
                    return Err(SandboxError::NotRunning { port }.into());
                }
                sandbox::reset(port)?;
                say(
                    json!({"type": "summary", "reset": true}),
                    "reset; state files of systems in it are out of date".to_owned(),
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
