//! Resolves flags, environment and configuration into a deployment that can be planned.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::failure::Failure;
use super::{Globals, progress};
use crate::aws::calls::Calls;
use crate::aws::cx::Shared;
use crate::aws::{Class, Cloud, Endpoint, Pace};
use crate::config::{self, Source, Suffix};
use crate::engine::EngineContext;
use crate::engine::graph::Graph;
use crate::engine::ownership::Owner;
use crate::engine::{Observer, Plan, Selection};
use crate::modules::Identity;
use crate::resources::registry::{Registry, Types};
use crate::sandbox;
use crate::state::{Bucket, Place, State, StateError, Store};
use crate::systems::System;
use crate::traffic::Levers;

/// A deployment: what is known about it without asking AWS.
pub struct Context {
    /// The configured system.
    pub system: Box<dyn System>,
    /// The name of the deployment.
    pub suffix: Suffix,
    /// The store of its state.
    pub store: Store,
    /// The source of the configuration.
    pub source: Source,
    globals: Globals,
    types: Types,
    endpoint: Endpoint,
    pace: Pace,
    /// Counts the AWS calls, those to a state in S3 included.
    calls: Calls,
}

impl Context {
    /// Reads the configuration and resolves the suffix. Calls AWS only if the state is in S3.
    pub async fn load(globals: &Globals) -> Result<Self, Failure> {
        let source = source(globals)?;
        let system = globals.systems.read(&source)?;
        let calls = Calls::default();
        let store = store(globals, &calls).await?;
        let suffix = suffix(globals, Some(system.as_ref()), &store).await?;
        let endpoint = endpoint(globals);
        let types = globals.systems.types().clone();
        let globals = globals.clone();
        Ok(Context { system, suffix, store, source, globals, types, endpoint, pace: Pace::default(), calls })
    }

    /// The same with the short timeouts of commands that move live traffic.
    pub fn urgent(self) -> Self {
        Context { pace: Pace::Urgent, ..self }
    }

    /// True if stdout is for programs (`--json`).
    pub fn json(&self) -> bool {
        self.globals.json
    }

    /// True if the run works on the local AWS.
    pub fn sandbox(&self) -> bool {
        self.globals.sandbox
    }

    /// The observer for the output of this run.
    pub fn observer(&self) -> Arc<dyn Observer> {
        let (globals, suffix) = (self.globals.clone(), self.suffix.clone());
        progress::observer(self.json(), Box::new(move |command| globals.command(command, Some(suffix.as_ref()))))
    }

    /// A command line to suggest, with the flags of this run.
    pub fn command(&self, command: &str) -> String {
        self.globals.command(command, Some(self.suffix.as_ref()))
    }

    /// The error of commands that need a state.
    pub fn no_state(&self) -> Failure {
        Failure::new(
            format!("there is no state {}", self.path()),
            format!(
                "check --suffix and --state; `{}` creates the system, `{}` rebuilds a lost state",
                self.command("apply"),
                self.command("recover")
            ),
        )
    }

    /// The minimum for a failback: it works even with a configuration that can't be read.
    pub async fn emergency(globals: &Globals) -> Result<Emergency, Failure> {
        let system = source(globals).and_then(|source| Ok(globals.systems.read(&source)?));
        let calls = Calls::default();
        let store = store(globals, &calls).await?;
        let known = system.as_ref().ok().map(AsRef::as_ref);
        let suffix = suffix(globals, known, &store).await?;
        // Fall back to the default configuration.
        let default = globals.systems.configuration(globals.systems.first()).map(Source::built_in);
        let default = default.and_then(|source| globals.systems.read(&source).ok());
        let default = default.as_ref().map(AsRef::as_ref);
        if let Err(error) = &system {
            progress::note(&format!("ignoring the configuration, which can't be read: {error}"));
        }
        Ok(Emergency {
            system: known.or(default).map_or(globals.systems.first(), System::name).to_owned(),
            region: known.or(default).map_or("us-east-1", System::region).to_owned(),
            suffix,
            store,
            endpoint: endpoint(globals),
            calls,
        })
    }

    /// The state of this deployment; `None` if there is none. Writes nothing.
    pub async fn state(&self) -> Result<Option<State>, StateError> {
        let state = self.store.read(self.suffix.as_ref()).await?;
        if let Some(state) = &state {
            self.check_system(state)?;
        }
        Ok(state)
    }

    fn check_system(&self, state: &State) -> Result<(), StateError> {
        if state.system == self.system.name() {
            return Ok(());
        }
        Err(StateError::OtherSystem {
            path: self.path(),
            found: state.system.clone(),
            expected: self.system.name().to_owned(),
        })
    }

    fn path(&self) -> String {
        self.store.name(self.suffix.as_ref())
    }

    /// Connects to AWS and looks up the account. Refuses an account other than the configured one and the one in the state.
    pub async fn connect(&self, observer: Arc<dyn Observer>) -> Result<Connection, Failure> {
        let state = self.state().await?;
        let cloud = Arc::new(open(&self.endpoint, self.pace, &self.calls).await?);
        let region = self.system.region();
        let identity = cloud.region(region).sts.get_caller_identity().send().await.map_err(|error| {
            let error = crate::aws::Error::from(error);
            let help = match (error.class, &error.code) {
                (Class::OutcomeUnknown, None) => {
                    "AWS can't be reached: check the network and AWS_ENDPOINT_URL; --sandbox works without any"
                }
                _ => {
                    "set AWS_PROFILE or log in (`aws sso login`) with credentials that are valid; --sandbox works \
                     without any"
                }
            };
            error.with_help(help)
        })?;
        let account = identity.account().unwrap_or_default().to_owned();
        if let Some(allowed) = self.system.account().filter(|allowed| *allowed != account) {
            let message = format!(
                "{}: the credentials belong to AWS account {account}, but the configuration allows only {allowed}",
                self.source.place("account"),
            );
            return Err(Failure::new(message, "check AWS_PROFILE; nothing was created"));
        }
        if let Some(found) = state.as_ref().map(|state| &state.account).filter(|found| **found != account) {
            return Err(StateError::OtherAccount { path: self.path(), found: found.clone(), expected: account }.into());
        }
        let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
        let owner = Owner { system: self.system.name().to_owned(), suffix: self.suffix.to_string() };
        let shared =
            Arc::new(Shared { cloud, account: account.clone(), partition: partition.clone(), owner, observer });
        let caller = identity.arn().unwrap_or_default().to_owned();
        Ok(Connection { registry: self.types.bind(&shared), shared, state, caller })
    }

    /// Composes the system for this account: the desired steps.
    pub async fn compose(&self, connection: &Connection) -> Result<Desired, Failure> {
        let shared = &connection.shared;
        let identity = Identity {
            owner: shared.owner.clone(),
            account: shared.account.clone(),
            partition: shared.partition.clone(),
            region: self.system.region().to_owned(),
            tags: self.system.tags(),
        };
        let composed = self.system.compose(&shared.cloud, identity).await?;
        let mut notes = composed.notes;
        if self.source.path.is_none() {
            notes.insert(
                0,
                format!(
                    "there is no {}: using the defaults; `provisioner init` writes them to a file to edit",
                    config::FILE
                ),
            );
        }
        let levers = composed.levers.map(|levers| levers.symbolic());
        Ok(Desired { graph: Graph::new(composed.steps)?, outputs: composed.outputs, levers, notes })
    }
}

/// A deployment, as far as a failback needs to know it.
pub struct Emergency {
    /// The name of the system.
    pub system: String,
    /// Its primary region.
    pub region: String,
    /// The name of the deployment.
    pub suffix: Suffix,
    /// The store of its state.
    pub store: Store,
    endpoint: Endpoint,
    calls: Calls,
}

impl Emergency {
    /// Connects to AWS, without a call.
    pub async fn cloud(&self) -> Result<Cloud, Failure> {
        open(&self.endpoint, Pace::Urgent, &self.calls).await
    }
}

/// Opens the store of states. A bucket gets the short timeouts of live traffic: everything else waits for the state.
async fn store(globals: &Globals, calls: &Calls) -> Result<Store, Failure> {
    match &globals.state {
        Place::Folder(path) => Ok(Store::folder(path)),
        Place::Bucket(location) => {
            let cloud = open(&endpoint(globals), Pace::Urgent, calls).await?;
            let default = cloud.default_region();
            let client = |region: Option<&str>| {
                let region = region.or(default.as_deref()).unwrap_or(cloud.home());
                cloud.region(region).s3.clone()
            };
            Ok(Store::bucket(Bucket::open(location.clone(), client).await?))
        }
    }
}

fn endpoint(globals: &Globals) -> Endpoint {
    if globals.sandbox { Endpoint::Sandbox { port: globals.sandbox_port } } else { Endpoint::Environment }
}

async fn open(endpoint: &Endpoint, pace: Pace, calls: &Calls) -> Result<Cloud, Failure> {
    if let Endpoint::Sandbox { port } = endpoint {
        let notify = |message: &str| progress::note(message);
        tokio::task::block_in_place(|| sandbox::ensure(*port, &notify))?;
    }
    Ok(Cloud::with_calls(endpoint.clone(), pace, calls.clone()).await)
}

/// The desired state, the recorded state, and the plan between them. Making it only reads.
pub struct PlannedSystem {
    /// The connection to AWS.
    pub connection: Connection,
    /// The desired state.
    pub desired: Desired,
    /// The recorded state.
    pub state: State,
    /// What apply would do.
    pub plan: Plan,
}

impl PlannedSystem {
    /// Reads and plans the whole system.
    pub async fn load(context: &Context) -> Result<Self, Failure> {
        Self::select(context, context.connect(context.observer()).await?, Selection::default()).await
    }

    /// The same for the selected part of the system, over an open connection.
    pub async fn select(context: &Context, connection: Connection, selection: Selection) -> Result<Self, Failure> {
        let desired = context.compose(&connection).await?;
        let (_stop, stopped) = watch::channel(false);
        let state = connection.state_or_new(context);
        selection.check(&desired.graph, &state)?;
        let engine = connection.engine(&desired.graph, stopped).selecting(selection);
        let plan = engine.plan(&state).await;
        engine.check_forced_replacements(&plan)?;
        Ok(PlannedSystem { connection, desired, state, plan })
    }
}

/// The desired state.
pub struct Desired {
    /// The steps.
    pub graph: Graph,
    /// The outputs by name; may contain references.
    pub outputs: std::collections::BTreeMap<String, String>,
    /// What moves its traffic; may contain references.
    pub levers: Option<Value>,
    /// Notes for people.
    pub notes: Vec<String>,
}

/// A connection to AWS, for one deployment.
pub struct Connection {
    /// Account, owner, clients.
    pub shared: Arc<Shared>,
    /// All resource types.
    pub registry: Registry,
    /// The ARN of the caller.
    pub caller: String,
    /// The stored state, if there is one.
    pub state: Option<State>,
}

impl Connection {
    /// The context for planning and executing.
    pub fn engine<'a>(&'a self, graph: &'a Graph, stop: watch::Receiver<bool>) -> EngineContext<'a> {
        EngineContext {
            owner: &self.shared.owner,
            graph,
            provider: &self.registry,
            observer: self.shared.observer.as_ref(),
            stop,
            adopt_by_name: false,
            selection: Selection::default(),
        }
    }

    /// The stored state, or an empty one.
    pub fn state_or_new(&self, context: &Context) -> State {
        self.state.clone().unwrap_or_else(|| self.fresh(context))
    }

    /// A new, empty state.
    pub fn fresh(&self, context: &Context) -> State {
        State::new(context.system.name(), context.suffix.as_ref(), &self.shared.account, context.system.region())
    }

    /// What moves the traffic, from the state.
    pub fn levers(&self) -> Result<Option<Levers>, Failure> {
        let levers = self.state.as_ref().map(Levers::from_state).transpose()?;
        Ok(levers.flatten())
    }

    /// The number of requests sent to AWS.
    pub fn api_calls(&self) -> u64 {
        self.shared.cloud.calls.count()
    }
}

fn source(globals: &Globals) -> Result<Source, Failure> {
    let standard = Path::new(config::FILE);
    match globals.config.as_deref() {
        Some(path) => Ok(Source::read(path)?),
        None if standard.exists() => Ok(Source::read(standard)?),
        None => Ok(Source::built_in(globals.systems.configuration(globals.systems.first()).unwrap_or_default())),
    }
}

/// The suffix: from the flag or environment, else the configuration, else the only existing state.
pub async fn suffix(globals: &Globals, system: Option<&dyn System>, store: &Store) -> Result<Suffix, Failure> {
    let configured = system.and_then(System::suffix).map(str::to_owned);
    if let Some(suffix) = globals.suffix.clone().or(configured) {
        return Ok(suffix.parse()?);
    }
    let suffixes = store.suffixes().await?;
    match suffixes.as_slice() {
        [only] => Ok(only.parse()?),
        [] => Err(Failure::new("no suffix is given, and there is no state yet", "set one, for example --suffix dev1")),
        several => Err(Failure::new(
            format!("no suffix is given, and there are several states: {}", several.join(", ")),
            format!("choose one, for example --suffix {}", several[0]),
        )),
    }
}
