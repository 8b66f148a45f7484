//! The command line: one file a command. The only code that prints or prompts.

mod apply;
mod completions;
mod context;
mod destroy;
mod export;
mod failback;
mod failure;
mod function;
mod graph;
mod history;
mod import;
mod init;
mod migrate;
mod orphans;
mod output;
mod plan;
mod progress;
mod recover;
mod refresh;
mod sandbox;
mod saved_plan;
mod say;
mod select;
mod shift;
mod state;
mod status;
mod sync;
mod traffic_output;
mod untracked;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::state::Place;
use crate::systems::Systems;
use failure::Failure;

/// The result of a command.
type Outcome = Result<ExitCode, Failure>;

/// Exit code: something failed.
const FAILED: u8 = 1;
/// Exit code: a shift holds and waits for a decision.
const HELD: u8 = 3;
/// Exit code of `plan --detailed-exitcode`: there are changes.
const CHANGES: u8 = 2;
/// Exit code: interrupted by Ctrl-C or SIGTERM.
const INTERRUPTED: u8 = 130;

/// Builds blue-green payment systems on AWS, and moves live traffic between them.
#[derive(Debug, Parser)]
#[command(name = "provisioner", version, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Where state files are stored unless a flag says otherwise.
const DEFAULT_STATE: &str = "state";

/// The flags that every command takes.
#[derive(Clone, Debug, Args)]
struct Globals {
    /// The name of the deployment; part of every resource name [default: from the configuration, else the only existing state]
    #[arg(long, global = true, env = "PROVISIONER_SUFFIX", value_name = "NAME")]
    suffix: Option<String>,
    /// The configuration file [default: provisioner.toml if it exists, else built-in defaults]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where state files are stored: a folder, or s3://bucket/prefix (?region=, kms=, lease=60s)
    #[arg(long, global = true, env = "PROVISIONER_STATE", default_value = DEFAULT_STATE, value_name = "PLACE")]
    state: Place,
    /// Print one JSON object per line on stdout; the last one is the summary
    #[arg(long, global = true)]
    json: bool,
    /// Use the local AWS on this machine and ignore AWS settings in the environment; starts it if it isn't running
    #[arg(long, global = true)]
    sandbox: bool,
    /// The port of the local AWS
    #[arg(long, global = true, env = "PROVISIONER_SANDBOX_PORT", default_value_t = crate::sandbox::DEFAULT_PORT, value_name = "PORT")]
    sandbox_port: u16,
    /// The format of log lines on stderr; RUST_LOG selects which are shown
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// The systems that this binary can deploy.
    #[arg(skip)]
    systems: Systems,
}

impl Globals {
    /// A command line to suggest: with the flags that make it work on the same deployment as this run.
    fn command(&self, command: &str, suffix: Option<&str>) -> String {
        let mut line = format!("provisioner {command}");
        if let Some(suffix) = suffix.or(self.suffix.as_deref()) {
            line += &format!(" --suffix {suffix}");
        }
        if let Some(config) = &self.config {
            line += &format!(" --config {}", config.display());
        }
        let state = self.state.to_string();
        if state != DEFAULT_STATE {
            line += &format!(" --state '{state}'");
        }
        if self.sandbox {
            line += " --sandbox";
            if self.sandbox_port != crate::sandbox::DEFAULT_PORT {
                line += &format!(" --sandbox-port {}", self.sandbox_port);
            }
        }
        line
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented provisioner.toml
    Init(init::Init),
    /// Create the system, or update it to match the configuration
    Apply(apply::Apply),
    /// Show what apply would do, without changing anything
    Plan(plan::PlanCommand),
    /// Delete everything that apply created
    Destroy(destroy::Destroy),
    /// Print the outputs: load balancer names, database endpoints, the dashboard's URL
    Output(output::Output),
    /// Move live traffic to green in steps, while green stays healthy
    Shift(shift::Shift),
    /// Move all traffic to blue now: no confirmation, no gates, no lock
    Failback(failback::Failback),
    /// Show every change of the live weights: who, when, why, old and new weights
    History(history::History),
    /// Migrate the database schemas to the newest version
    Migrate(migrate::Migrate),
    /// Replicate changes from blue's database to green's
    Sync(sync::Sync),
    /// Show which environment serves traffic, what exists and what differs from the configuration
    Status(status::Status),
    /// Watch live traffic and control a running shift
    Watch(watch::Watch),
    /// Rebuild a lost state from the resources in AWS
    Recover(recover::Recover),
    /// Bring an existing resource under management
    Import(import::Import),
    /// List orphans: resources on which state, tags and recorded intents disagree
    Orphans(orphans::Orphans),
    /// Inspect and edit the state
    State(state::State),
    /// Export the system as a CloudFormation template
    Export(export::Export),
    /// Draw the graph of steps
    Graph(graph::Graph),
    /// Manage the local AWS on this machine
    Sandbox(sandbox::Sandbox),
    /// Generate shell completions
    Completions(completions::Completions),
}

/// Runs the command line of this process for these systems: [`Systems::shipped`] or [your own](crate::systems::CustomSystem).
///
/// # Panics
/// If no threads can be started, or if it is called inside another async runtime: call it from a plain `fn main`.
pub fn run(systems: impl Into<Systems>) -> ExitCode {
    let mut cli = Cli::parse();
    cli.globals.systems = systems.into();
    start_logging(cli.globals.log_format);
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    runtime.block_on(dispatch(cli))
}

async fn dispatch(cli: Cli) -> ExitCode {
    let globals = &cli.globals;
    let outcome = match cli.command {
        Command::Init(command) => command.run(globals),
        Command::Apply(command) => command.run(globals).await,
        Command::Plan(command) => command.run(globals).await,
        Command::Destroy(command) => command.run(globals).await,
        Command::Output(command) => command.run(globals).await,
        Command::Shift(command) => command.run(globals).await,
        Command::Failback(command) => command.run(globals).await,
        Command::History(command) => command.run(globals).await,
        Command::Migrate(command) => command.run(globals).await,
        Command::Sync(command) => command.run(globals).await,
        Command::Status(command) => command.run(globals).await,
        Command::Watch(command) => command.run(globals).await,
        Command::Recover(command) => command.run(globals).await,
        Command::Import(command) => command.run(globals).await,
        Command::Orphans(command) => command.run(globals).await,
        Command::State(command) => command.run(globals).await,
        Command::Export(command) => command.run(globals).await,
        Command::Graph(command) => command.run(globals).await,
        Command::Sandbox(command) => command.run(globals).await,
        Command::Completions(command) => command.run(),
    };
    outcome.unwrap_or_else(|failure| {
        failure.print(&|command| globals.command(command, None));
        ExitCode::from(FAILED)
    })
}

/// Logs what `RUST_LOG` selects. Debug and trace lines of the SDK and its dependencies contain whole requests and responses,
/// passwords included, so they are always dropped.
fn start_logging(format: LogFormat) {
    use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, filter_fn};
    use tracing_subscriber::prelude::*;
    let requested = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    let safe = filter_fn(|line| line.target().starts_with("provisioner") || *line.level() <= LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(requested.and(safe))).init();
}
