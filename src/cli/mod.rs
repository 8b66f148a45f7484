//! The command line: one file a command. The only code that prints or prompts.

mod apply;
mod completions;
mod context;
mod destroy;
mod drift;
mod export;
mod failback;
mod failure;
mod graph;
mod history;
mod import;
mod init;
mod migrate;
mod orphans;
mod output;
mod own_function;
mod part;
mod plan;
mod progress;
mod recover;
mod sandbox;
mod saved_plan;
mod say;
mod shift;
mod state;
mod status;
mod sync;
mod untracked;
mod watch;
mod watcher;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::state::Place;
use crate::systems::Systems;
use failure::Failure;

/// What every command ends with.
type Outcome = Result<ExitCode, Failure>;

/// Something failed.
const FAILED: u8 = 1;
/// A shift stays where it is, for people to decide.
const HELD: u8 = 3;
/// `plan --detailed-exitcode`: there are changes.
const CHANGES: u8 = 2;
/// Ctrl-C.
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

/// The flags of all commands.
#[derive(Clone, Debug, Args)]
struct Globals {
    /// Tells deployments apart; part of every name [default: the configuration's, else the only state there is]
    #[arg(long, global = true, env = "PROVISIONER_SUFFIX", value_name = "NAME")]
    suffix: Option<String>,
    /// The configuration [default: provisioner.toml, or the defaults if there is none]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where states are kept: a folder, or s3://bucket/prefix (?region=, kms=, lease=60s)
    #[arg(long, global = true, env = "PROVISIONER_STATE", default_value = "state", value_name = "PLACE")]
    state: Place,
    /// One JSON object a line on stdout, the last one the summary
    #[arg(long, global = true)]
    json: bool,
    /// Work on the local AWS on this machine, whatever the environment says; starts it if it isn't up
    #[arg(long, global = true)]
    sandbox: bool,
    /// The port of the local AWS
    #[arg(long, global = true, env = "PROVISIONER_SANDBOX_PORT", default_value_t = crate::sandbox::DEFAULT_PORT, value_name = "PORT")]
    sandbox_port: u16,
    /// How log lines look on stderr; RUST_LOG says which are shown
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What can be configured.
    #[arg(skip)]
    systems: Systems,
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
    /// Build the system, or bring it to what the configuration says
    Apply(apply::Apply),
    /// Show what apply would do; changes nothing anywhere
    Plan(plan::PlanCommand),
    /// Delete everything that apply has made
    Destroy(destroy::Destroy),
    /// Print the outputs: load balancer names, database endpoints, the dashboard's URL
    Output(output::Output),
    /// Move live traffic towards green, step by step, as long as green is well
    Shift(shift::Shift),
    /// All traffic to blue, now: no question, no gates, no lock
    Failback(failback::Failback),
    /// Show every change of the live weights: when, who, why, from what to what
    History(history::History),
    /// Bring the databases' schemas to their newest versions
    Migrate(migrate::Migrate),
    /// Take over what changes in blue's database into green's
    Sync(sync::Sync),
    /// Show who serves the customers, what stands, and what differs
    Status(status::Status),
    /// Watch the live traffic, and steer a shift
    Watch(watch::Watch),
    /// Rebuild a lost state from what stands in AWS
    Recover(recover::Recover),
    /// Take over what others have made
    Import(import::Import),
    /// Find what is remembered, tagged or announced, and not all of it
    Orphans(orphans::Orphans),
    /// Look at what is remembered, and mend it
    State(state::State),
    /// Write the system as a template that other tools read
    Export(export::Export),
    /// Draw the graph of steps
    Graph(graph::Graph),
    /// The local AWS on this machine
    Sandbox(sandbox::Sandbox),
    /// Completions for a shell
    Completions(completions::Completions),
}

/// Runs the command line of this process, for these systems: [`Systems::shipped`], or [one of your own](crate::systems::Own).
///
/// # Panics
/// If the operating system gives no threads, or inside another async runtime: it has one of its own, so call it from a plain
/// `fn main`.
pub fn run(systems: impl Into<Systems>) -> ExitCode {
    let mut cli = Cli::parse();
    cli.globals.systems = systems.into();
    start_logging(cli.globals.log_format);
    let runtime = tokio::runtime::Runtime::new().expect("the operating system gives threads");
    runtime.block_on(obey(cli))
}

async fn obey(cli: Cli) -> ExitCode {
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
        failure.print();
        ExitCode::from(FAILED)
    })
}

/// `RUST_LOG` says what is logged. The SDK and what is under it would print requests and answers whole at the levels
/// debug and trace, passwords included: these never get through.
fn start_logging(format: LogFormat) {
    use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, filter_fn};
    use tracing_subscriber::prelude::*;
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    let safe = filter_fn(|line| line.target().starts_with("provisioner") || *line.level() <= LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(asked.and(safe))).init();
}
