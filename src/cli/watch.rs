mod child;
mod dialogs;
mod in_progress;
mod keys;
mod look;
mod panels;
mod screen;
mod strokes;
#[cfg(test)]
mod tests;

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
use super::shift::duration;
use super::{Globals, Outcome};
use crate::engine::events::Silent;
use crate::traffic::Levers;
use crate::traffic::bound::Bound;
use crate::traffic::event::TrafficEvent;
use crate::traffic::history::{Actor, Entry, History, Liveness};

use child::{Launcher, Started};
use in_progress::{UnderWay, is_settled};
use keys::{Does, Open, Situation, Wish, press};
use look::{Look, Looker, Trail};
use screen::{Command, Place, Scene};

/// `provisioner watch`
#[derive(Debug, Args)]
#[command(
    after_help = "Example: provisioner watch --suffix dev1\n\nIt shows who serves the customers and how well, and has \
                        keys to hold, continue or abort a shift, wherever that runs, and to fail back. Each asks first. \
                        What it starts goes on when it is left."
)]
pub struct Watch {
    /// From one look at AWS to the next [default: 5s, in the sandbox 1s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<Duration>,
}

/// How often the history and what was started here are looked at.
const TICK: Duration = Duration::from_millis(500);
/// AWS counts calls, and takes money for metrics.
const LEAST: Duration = Duration::from_millis(500);
/// How long the answer to a key is shown.
const SAID: Duration = Duration::from_secs(8);
/// How long a command is shown that did what it should.
const SHOWN: Duration = Duration::from_secs(30);

impl Watch {
    pub async fn run(self, globals: &Globals) -> Outcome {
        if globals.json || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                "`provisioner watch` is for people at a terminal",
                "for programs: `provisioner status --json` is one look, `provisioner history --json` is what was done",
            ));
        }
        let context = Arc::new(Context::load(globals).await?.urgent());
        let connection = context.connect(Arc::new(Silent)).await?;
        let suffix = &context.suffix;
        let levers = connection.levers()?.map(Levers::existing);
        if !levers.is_some_and(|levers| levers.have_edges() || levers.dns.is_some()) {
            return Err(Failure::new(
                format!("nothing is known of how the traffic of {suffix} moves"),
                format!("run `provisioner apply --suffix {suffix}` first, or say where its state is by --state"),
            ));
        }
        let sandbox = globals.sandbox;
        let usual = Duration::from_secs(if sandbox { 1 } else { 5 });
        let mut watching = Watching::new(globals, &context, &connection, self.every.unwrap_or(usual).max(LEAST));
        let mut screen = Screen(ratatui::try_init()?);
        let left = watching.run(&mut screen.0).await;
        drop(screen);
        watching.goodbye();
        left.map(|()| ExitCode::SUCCESS)
    }
}

/// The terminal, taken over until this is dropped.
struct Screen(DefaultTerminal);

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// All that is known, and what was started.
struct Watching {
    place: Place,
    bound: Option<Bound>,
    every: Duration,
    history: History,
    launcher: Launcher,
    looker: Option<Looker>,
    entries: Vec<Entry>,
    look: Option<Look>,
    trail: Trail,
    /// Why the last look found nothing.
    blind: Option<String>,
    /// Why the history can't be read.
    unread: Option<String>,
    started: Vec<Started>,
    /// An abort waits for the shift to hold.
    abort_waits: bool,
    said: Option<(String, Instant)>,
    open: Open,
}

impl Watching {
    fn new(globals: &Globals, context: &Arc<Context>, connection: &Connection, every: Duration) -> Self {
        let suffix = context.suffix.to_string();
        let by = Actor::this_process("provisioner watch", Some(connection.caller.clone()));
        let history = || History::at(context.store.history(&suffix), by.clone());
        let cloud = connection.shared.cloud.clone();
        let looker = Looker { context: context.clone(), cloud, history: history(), every };
        let aws = match globals.sandbox {
            true => "sandbox".to_owned(),
            false => format!("AWS {}", context.system.region()),
        };
        let place = Place {
            system: context.system.name().to_owned(),
            suffix: suffix.clone(),
            account: connection.shared.account.clone(),
            aws,
        };
        Watching {
            place,
            bound: context.system.failback_bound(),
            every,
            history: history(),
            launcher: Launcher::new(globals, &suffix),
            looker: Some(looker),
            entries: Vec::new(),
            look: None,
            trail: Trail::default(),
            blind: None,
            unread: None,
            started: Vec::new(),
            abort_waits: false,
            said: None,
            open: Open::Nothing,
        }
    }

    /// Until somebody leaves.
    async fn run(&mut self, terminal: &mut DefaultTerminal) -> Result<(), Failure> {
        let again = Arc::new(Notify::new());
        let (told, mut looks) = mpsc::channel(1);
        let looker = self.looker.take().expect("it runs once");
        tokio::spawn(looker.run(told, again.clone()));
        let mut keys = keyboard();
        let mut ends = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal).into_iter();
        let mut end = || ends.next().expect("there are three");
        let (mut terminate, mut hangup, mut interrupt) = (end()?, end()?, end()?);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                look = looks.recv() => match look {
                    Some(look) => self.looked(look),
                    None => return Err(Failure::new("looking at AWS has ended by itself", "start `provisioner watch` again")),
                },
                key = keys.recv() => match key {
                    Some(Event::Key(key)) if key.kind == KeyEventKind::Press => {
                        if self.pressed(key).await {
                            return Ok(());
                        }
                    }
                    // Another size, for example: it is drawn anew.
                    Some(_) => {}
                    // The terminal is gone.
                    None => return Ok(()),
                },
                _ = terminate.recv() => return Ok(()),
                _ = hangup.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = tick.tick() => if self.ticked().await {
                    again.notify_one();
                },
            }
            terminal.draw(|frame| self.scene(frame))?;
        }
    }

    fn looked(&mut self, look: Result<Look, String>) {
        match look {
            Ok(look) => {
                self.trail.add(&look.picture.readings, look.at);
                self.look = Some(look);
                self.blind = None;
            }
            Err(why) => self.blind = Some(why),
        }
    }

    /// Looks at what is on this machine. True if there is news.
    async fn ticked(&mut self) -> bool {
        let last = self.entries.last().map_or(0, |entry| entry.number);
        let mut news = false;
        match self.history.after(last).await {
            Ok(entries) => {
                news |= !entries.is_empty();
                self.entries.extend(entries);
                self.unread = None;
            }
            Err(error) => self.unread = Some(error.to_string()),
        }
        for started in self.started.iter_mut().filter(|started| started.runs()) {
            started.look();
            news |= !started.runs();
        }
        if self.said.as_ref().is_some_and(|(_, at)| at.elapsed() > SAID) {
            self.said = None;
        }
        if self.abort_waits && is_settled(&self.entries, Timestamp::now(), |by| self.alive(by)) {
            self.abort_waits = false;
            self.start(&["shift", "--abort", "--yes"]);
        }
        news
    }

    /// True if it is time to leave.
    async fn pressed(&mut self, key: KeyEvent) -> bool {
        let in_progress = self.in_progress();
        let does = press(key, self.open, &self.situation(in_progress.as_ref()));
        self.said = None;
        match does {
            Does::Nothing => {}
            Does::Open(open) => self.open = open,
            Does::Say(why) => {
                self.open = Open::Nothing;
                self.say(why);
            }
            Does::Act(wish) => {
                self.open = Open::Nothing;
                let runs = in_progress.is_some_and(|in_progress| in_progress.runs());
                self.act(wish, runs).await;
            }
            Does::Leave => return true,
        }
        false
    }

    async fn act(&mut self, wish: Wish, runs: bool) {
        match wish {
            Wish::Hold => {
                if self.ask_to_hold().await {
                    self.say("the shift is asked to hold".to_owned());
                }
            }
            Wish::Continue => self.start(&["shift", "--resume", "--yes"]),
            Wish::Abort if runs => self.abort_waits = self.ask_to_hold().await,
            Wish::Abort => self.start(&["shift", "--abort", "--yes"]),
            Wish::FailBack => {
                // Whatever else was meant to happen.
                self.abort_waits = false;
                self.start(&["failback"]);
            }
        }
    }

    /// The shift may be anybody's, anywhere: it reads the same history.
    async fn ask_to_hold(&mut self) -> bool {
        match self.history.append(TrafficEvent::HoldRequested, None).await {
            Ok(_) => true,
            Err(error) => {
                self.say(format!("the shift can't be asked to hold: {error}"));
                false
            }
        }
    }

    fn start(&mut self, arguments: &[&str]) {
        match self.launcher.start(arguments) {
            Ok(started) => self.started.push(started),
            Err(error) => self.say(format!("`provisioner {}` can't be started: {error}", arguments.join(" "))),
        }
    }

    fn say(&mut self, what: String) {
        self.said = Some((what, Instant::now()));
    }

    fn alive(&self, by: &Actor) -> Liveness {
        Liveness::of(by, self.history.by())
    }

    fn in_progress(&self) -> Option<UnderWay> {
        UnderWay::of(&self.entries, |by| self.alive(by))
    }

    fn situation<'a>(&self, shift: Option<&'a UnderWay>) -> Situation<'a> {
        let runs = |subcommand| self.started.iter().any(|started| started.runs() && started.is(subcommand));
        Situation { shift, shifting: runs("shift"), failing_back: runs("failback"), abort_waits: self.abort_waits }
    }

    fn scene(&self, frame: &mut ratatui::Frame) {
        let in_progress = self.in_progress();
        let scene = Scene {
            place: &self.place,
            now: Timestamp::now(),
            every: self.every,
            look: self.look.as_ref(),
            trail: &self.trail,
            bound: self.bound.as_ref(),
            entries: &self.entries,
            situation: self.situation(in_progress.as_ref()),
            troubles: self.blind.iter().chain(&self.unread).cloned().collect(),
            said: self.said.as_ref().map(|(what, _)| what.as_str()),
            command: self.started.last().and_then(shown),
            open: self.open,
        };
        scene.draw(frame);
    }

    /// Tells what goes on without the screen, once that is gone.
    fn goodbye(&self) {
        for started in &self.started {
            if started.runs() {
                let (command, process, log) = (&started.command, started.process(), started.log.display());
                eprintln!("`{command}` goes on as process {process}; it writes to {log}");
            } else {
                started.forget();
            }
        }
    }
}

/// A command that did what it should is shown for a while, any other until the next one.
fn shown(started: &Started) -> Option<Command<'_>> {
    let ended = started.ended.map(|(status, _)| if status.success() { Ok(()) } else { Err(status.to_string()) });
    let since = started.ended.map(|(_, at)| at.elapsed()).unwrap_or_default();
    if matches!(ended, Some(Ok(()))) && since > SHOWN {
        return None;
    }
    let took = started.ended.map_or(started.began.elapsed(), |(_, at)| at - started.began);
    Some(Command { command: &started.command, took, ended, lines: started.lines() })
}

/// What is pressed. Reading blocks, so it has a thread of its own, which ends with whoever listens, or with the terminal.
fn keyboard() -> mpsc::UnboundedReceiver<Event> {
    let (pressed, keys) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while !pressed.is_closed() {
            let event = match event::poll(Duration::from_millis(100)) {
                Ok(true) => event::read(),
                Ok(false) => continue,
                Err(error) => Err(error),
            };
            let Ok(event) = event else { return };
            if pressed.send(event).is_err() {
                return;
            }
        }
    });
    keys
}
