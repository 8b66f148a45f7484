mod charts;
mod child;
mod dialogs;
mod frame;
mod keys;
mod panels;
mod poll;
mod scene;
mod screen;
mod shift_progress;
mod style;
#[cfg(test)]
mod tests;
mod text;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval};

use super::context::{Connection, Context};
use super::failure::Failure;
use super::shift::{duration, no_levers};
use super::{Globals, Outcome};
use crate::engine::events::Silent;
use crate::traffic::Levers;
use crate::traffic::bound::Bound;
use crate::traffic::event::TrafficEvent;
use crate::traffic::history::{Actor, Entry, History, ProcessStatus};

use child::{ChildCommand, Launcher};
use keys::{Control, Controls, KeyAction, Overlay, press};
use poll::{Poller, Sample, Trends};
use scene::{Command, Deployment, Scene};
use shift_progress::{ShiftProgress, is_idle};

/// `provisioner watch`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: provisioner watch --suffix dev1\n\nIt shows which environment serves the customers, and \
                        the gates. Keys hold, continue or abort a shift on any machine, and fail back; each asks for \
                        confirmation. Commands that it starts continue after it is closed."
)]
pub struct Watch {
    /// The interval of reads from AWS [default: 5s, in the sandbox 1s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<Duration>,
}

/// The interval at which the history and started commands are checked.
const TICK: Duration = Duration::from_millis(500);
/// The shortest interval of samples: AWS throttles calls, and charges for metrics.
const MIN_INTERVAL: Duration = Duration::from_millis(500);
/// How long a message is displayed.
const MESSAGE_TIME: Duration = Duration::from_secs(8);
/// How long a successful command is displayed.
const COMMAND_TIME: Duration = Duration::from_secs(30);

impl Watch {
    pub async fn run(self, globals: &Globals) -> Outcome {
        if globals.json || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                "`provisioner watch` needs a terminal",
                "for programs: `provisioner status --json` reads the traffic once, `provisioner history --json` prints the history",
            ));
        }
        let context = Arc::new(Context::load(globals).await?.urgent());
        let connection = context.connect(Arc::new(Silent)).await?;
        let levers = connection.levers()?.map(Levers::existing);
        if !levers.is_some_and(|levers| levers.have_edges() || levers.dns.is_some()) {
            return Err(no_levers(&context));
        }
        let default = Duration::from_secs(if context.sandbox() { 1 } else { 5 });
        let interval = self.every.unwrap_or(default).max(MIN_INTERVAL);
        let mut app = App::new(globals, &context, &connection, interval);
        let mut screen = Screen(ratatui::try_init()?);
        let result = app.run(&mut screen.0).await;
        drop(screen);
        app.report_running_commands();
        result.map(|()| ExitCode::SUCCESS)
    }
}

/// The terminal in raw mode, restored on drop.
struct Screen(DefaultTerminal);

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// The state of the program.
struct App {
    deployment: Deployment,
    bound: Option<Bound>,
    interval: Duration,
    history: History,
    launcher: Launcher,
    poller: Option<Poller>,
    entries: Vec<Entry>,
    sample: Option<Sample>,
    trends: Trends,
    /// Why the last sample failed.
    sample_error: Option<String>,
    /// Why the history can't be read.
    history_error: Option<String>,
    commands: Vec<ChildCommand>,
    /// An abort waits until the shift holds.
    abort_pending: bool,
    message: Option<(String, Instant)>,
    overlay: Overlay,
}

impl App {
    fn new(globals: &Globals, context: &Arc<Context>, connection: &Connection, interval: Duration) -> Self {
        let suffix = context.suffix.to_string();
        let by = Actor::this_process("provisioner watch", Some(connection.caller.clone()));
        let history = || History::at(context.store.history(&suffix), by.clone());
        let cloud = connection.shared.cloud.clone();
        let poller = Poller { context: context.clone(), cloud, history: history(), interval };
        let place = match context.sandbox() {
            true => "sandbox".to_owned(),
            false => format!("AWS {}", context.system.region()),
        };
        let deployment = Deployment {
            system: context.system.name().to_owned(),
            suffix: suffix.clone(),
            account: connection.shared.account.clone(),
            place,
        };
        App {
            deployment,
            bound: context.system.failback_bound(),
            interval,
            history: history(),
            launcher: Launcher::new(globals, &suffix),
            poller: Some(poller),
            entries: Vec::new(),
            sample: None,
            trends: Trends::default(),
            sample_error: None,
            history_error: None,
            commands: Vec::new(),
            abort_pending: false,
            message: None,
            overlay: Overlay::None,
        }
    }

    /// Runs until the operator quits.
    async fn run(&mut self, terminal: &mut DefaultTerminal) -> Result<(), Failure> {
        let request = Arc::new(Notify::new());
        let (sender, mut samples) = mpsc::channel(1);
        let poller = self.poller.take().expect("run is called once");
        tokio::spawn(poller.run(sender, request.clone()));
        let mut keys = keyboard();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                sample = samples.recv() => match sample {
                    Some(sample) => self.add_sample(sample),
                    None => return Err(Failure::new("reading from AWS stopped unexpectedly", "start `provisioner watch` again")),
                },
                key = keys.recv() => match key {
                    Some(Event::Key(key)) if key.kind == KeyEventKind::Press => {
                        if self.handle_key(key).await {
                            return Ok(());
                        }
                    }
                    // For example a new size: the screen is drawn again.
                    Some(_) => {}
                    // The terminal was closed.
                    None => return Ok(()),
                },
                _ = terminate.recv() => return Ok(()),
                _ = hangup.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = tick.tick() => if self.handle_tick().await {
                    request.notify_one();
                },
            }
            terminal.draw(|frame| self.draw(frame))?;
        }
    }

    fn add_sample(&mut self, sample: Result<Sample, String>) {
        match sample {
            Ok(sample) => {
                self.trends.add(&sample.snapshot.readings, sample.at);
                self.sample = Some(sample);
                self.sample_error = None;
            }
            Err(why) => self.sample_error = Some(why),
        }
    }

    /// Checks the history and the started commands. True if something has changed.
    async fn handle_tick(&mut self) -> bool {
        let last = self.entries.last().map_or(0, |entry| entry.number);
        let mut changed = false;
        match self.history.after(last).await {
            Ok(entries) => {
                changed |= !entries.is_empty();
                self.entries.extend(entries);
                self.history_error = None;
            }
            Err(error) => self.history_error = Some(error.to_string()),
        }
        for command in self.commands.iter_mut().filter(|command| command.is_running()) {
            command.update();
            changed |= !command.is_running();
        }
        if self.message.as_ref().is_some_and(|(_, at)| at.elapsed() > MESSAGE_TIME) {
            self.message = None;
        }
        if self.abort_pending && is_idle(&self.entries, Timestamp::now(), |by| self.process_status(by)) {
            self.abort_pending = false;
            self.start(&["shift", "--abort", "--yes"]);
        }
        changed
    }

    /// True to quit.
    async fn handle_key(&mut self, key: KeyEvent) -> bool {
        let shift = self.shift();
        let action = press(key, self.overlay, &self.controls(shift.as_ref()));
        self.message = None;
        match action {
            KeyAction::None => {}
            KeyAction::Show(overlay) => self.overlay = overlay,
            KeyAction::Unavailable(why) => {
                self.overlay = Overlay::None;
                self.show_message(why);
            }
            KeyAction::Execute(control) => {
                self.overlay = Overlay::None;
                let is_running = shift.is_some_and(|shift| shift.is_running());
                self.execute(control, is_running).await;
            }
            KeyAction::Quit => return true,
        }
        false
    }

    async fn execute(&mut self, control: Control, is_running: bool) {
        match control {
            Control::Hold => {
                if self.request_hold().await {
                    self.show_message("hold requested".to_owned());
                }
            }
            Control::Continue => self.start(&["shift", "--resume", "--yes"]),
            Control::Abort if is_running => self.abort_pending = self.request_hold().await,
            Control::Abort => self.start(&["shift", "--abort", "--yes"]),
            Control::FailBack => {
                // A failback replaces a pending abort.
                self.abort_pending = false;
                self.start(&["failback"]);
            }
        }
    }

    /// Requests a hold through the history, which the shift reads on any machine.
    async fn request_hold(&mut self) -> bool {
        match self.history.append(TrafficEvent::HoldRequested, None).await {
            Ok(_) => true,
            Err(error) => {
                self.show_message(format!("can't request a hold: {error}"));
                false
            }
        }
    }

    fn start(&mut self, arguments: &[&str]) {
        match self.launcher.start(arguments) {
            Ok(command) => self.commands.push(command),
            Err(error) => self.show_message(format!("can't start `provisioner {}`: {error}", arguments.join(" "))),
        }
    }

    fn show_message(&mut self, text: String) {
        self.message = Some((text, Instant::now()));
    }

    fn process_status(&self, by: &Actor) -> ProcessStatus {
        ProcessStatus::of(by, self.history.by())
    }

    fn shift(&self) -> Option<ShiftProgress> {
        ShiftProgress::from_history(&self.entries, |by| self.process_status(by))
    }

    fn controls<'a>(&self, shift: Option<&'a ShiftProgress>) -> Controls<'a> {
        let is_running = |subcommand| self.commands.iter().any(|one| one.is_running() && one.is(subcommand));
        Controls {
            shift,
            shift_running: is_running("shift"),
            failback_running: is_running("failback"),
            abort_pending: self.abort_pending,
        }
    }

    fn draw(&self, frame: &mut ratatui::Frame) {
        let shift = self.shift();
        let scene = Scene {
            deployment: &self.deployment,
            now: Timestamp::now(),
            interval: self.interval,
            sample: self.sample.as_ref(),
            trends: &self.trends,
            bound: self.bound.as_ref(),
            entries: &self.entries,
            controls: self.controls(shift.as_ref()),
            errors: self.sample_error.iter().chain(&self.history_error).cloned().collect(),
            message: self.message.as_ref().map(|(text, _)| text.as_str()),
            command: self.commands.last().and_then(displayed),
            overlay: self.overlay,
        };
        screen::draw(&scene, frame);
    }

    /// Prints which commands continue after the screen is closed.
    fn report_running_commands(&self) {
        for command in &self.commands {
            if command.is_running() {
                let (line, process, log) = (&command.command, command.process(), command.log.display());
                eprintln!("`{line}` continues as process {process}; its output is in {log}");
            } else {
                command.remove_log();
            }
        }
    }
}

/// The displayed form of a command. A successful command is displayed for a while, a failed one until the next command.
fn displayed(command: &ChildCommand) -> Option<Command<'_>> {
    let ended = command.ended.map(|(status, _)| if status.success() { Ok(()) } else { Err(status.to_string()) });
    let since = command.ended.map(|(_, at)| at.elapsed()).unwrap_or_default();
    if matches!(ended, Some(Ok(()))) && since > COMMAND_TIME {
        return None;
    }
    let took = command.ended.map_or(command.started.elapsed(), |(_, at)| at - command.started);
    Some(Command { command: &command.command, took, ended, lines: command.lines() })
}

/// Terminal events. Reading them blocks, so it has its own thread, which ends with the receiver or the terminal.
fn keyboard() -> mpsc::UnboundedReceiver<Event> {
    let (sender, events) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let event = match event::poll(Duration::from_millis(100)) {
                Ok(true) => event::read(),
                Ok(false) => continue,
                Err(error) => Err(error),
            };
            let Ok(event) = event else { return };
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    events
}
