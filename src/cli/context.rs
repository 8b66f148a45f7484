//! From flags, environment and configuration to a deployment that can be planned.

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
use crate::engine::graph::Graph;
use crate::engine::ownership::Owner;
use crate::engine::plan::EngineContext;
use crate::engine::{Observer, Plan, Selection};
use crate::modules::Identity;
use crate::resources::registry::{Registry, Types};
use crate::sandbox;
use crate::state::{Bucket, Place, State, StateError, Store};
use crate::systems::System;
use crate::traffic::Levers;

/// What is known without asking AWS.
pub struct Context {
    /// The system, as configured.
    pub system: Box<dyn System>,
    /// Which deployment of it.
    pub suffix: Suffix,
    /// Where its state is.
    pub store: Store,
    /// Where the configuration came from.
    pub source: Source,
    types: Types,
    endpoint: Endpoint,
    pace: Pace,
    /// What was asked of AWS so far: where the state is kept there, that is some.
    calls: Calls,
}

impl Context {
    /// Reads the configuration and finds the suffix. Asks AWS only where the state is kept there.
    pub async fn load(globals: &Globals) -> Result<Self, Failure> {
        let source = source(globals)?;
        let system = globals.systems.read(&source)?;
        let calls = Calls::default();
        let store = store(globals, &calls).await?;
        let suffix = suffix(globals, Some(system.as_ref()), &store).await?;
        let endpoint = endpoint(globals);
        let types = globals.systems.types().clone();
        Ok(Context { system, suffix, store, source, types, endpoint, pace: Pace::default(), calls })
    }

    /// The same, for moving live traffic.
    pub fn urgent(self) -> Self {
        Context { pace: Pace::Urgent, ..self }
    }

    /// What a failback needs, and no more: a configuration that can't be read doesn't keep traffic from going back.
    pub async fn emergency(globals: &Globals) -> Result<Emergency, Failure> {
        let system = source(globals).and_then(|source| Ok(globals.systems.read(&source)?));
        let calls = Calls::default();
        let store = store(globals, &calls).await?;
        let known = system.as_ref().ok().map(AsRef::as_ref);
        let suffix = suffix(globals, known, &store).await?;
        // What can't be read may well be what it usually is.
        let usual = globals.systems.configuration(globals.systems.first()).map(Source::built_in);
        let usual = usual.and_then(|usual| globals.systems.read(&usual).ok());
        let usual = usual.as_ref().map(AsRef::as_ref);
        if let Err(error) = &system {
            progress::note(&format!("the configuration is left aside, as it can't be read: {error}"));
        }
        Ok(Emergency {
            system: known.or(usual).map_or(globals.systems.first(), System::name).to_owned(),
            region: known.or(usual).map_or("us-east-1", System::region).to_owned(),
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
            wanted: self.system.name().to_owned(),
        })
    }

    fn path(&self) -> String {
        self.store.name(self.suffix.as_ref())
    }

    /// Opens the way into AWS and finds out whose account it is. Refuses an account other than the configured one and
    /// that of the state.
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
        if let Some(wanted) = self.system.account().filter(|wanted| *wanted != account) {
            let message = format!(
                "{}: these credentials are of the AWS account {account}, and the configuration allows {wanted} only",
                self.source.place("account"),
            );
            return Err(Failure::new(message, "check AWS_PROFILE; nothing was created"));
        }
        if let Some(found) = state.as_ref().map(|state| &state.account).filter(|found| **found != account) {
            return Err(StateError::OtherAccount { path: self.path(), found: found.clone(), wanted: account }.into());
        }
        let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
        let owner = Owner { system: self.system.name().to_owned(), suffix: self.suffix.to_string() };
        let shared =
            Arc::new(Shared { cloud, account: account.clone(), partition: partition.clone(), owner, observer });
        let caller = identity.arn().unwrap_or_default().to_owned();
        Ok(Connection { registry: self.types.bind(&shared), shared, state, caller })
    }

    /// Composes the system: the steps that are wanted, for this account.
    pub async fn compose(&self, connection: &Connection) -> Result<Wanted, Failure> {
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
                format!("no {}: these are the defaults; `provisioner init` writes them to change", config::FILE),
            );
        }
        let levers = composed.levers.map(|levers| levers.symbolic());
        Ok(Wanted { graph: Graph::new(composed.steps)?, outputs: composed.outputs, levers, notes })
    }
}

/// What is known when traffic has to go back at once.
pub struct Emergency {
    /// The name of the system.
    pub system: String,
    /// Its primary region.
    pub region: String,
    /// Which deployment of it.
    pub suffix: Suffix,
    /// Where its state is.
    pub store: Store,
    endpoint: Endpoint,
    calls: Calls,
}

impl Emergency {
    /// Opens the way into AWS; asks nothing.
    pub async fn cloud(&self) -> Result<Cloud, Failure> {
        open(&self.endpoint, Pace::Urgent, &self.calls).await
    }
}

/// Where states are kept. A bucket is asked for at the pace of live traffic: who waits for a state waits for all.
async fn store(globals: &Globals, calls: &Calls) -> Result<Store, Failure> {
    match &globals.state {
        Place::Folder(path) => Ok(Store::folder(path)),
        Place::Bucket(location) => {
            let cloud = open(&endpoint(globals), Pace::Urgent, calls).await?;
            let usual = cloud.default_region();
            let client = |region: Option<&str>| {
                let region = region.or(usual.as_deref()).unwrap_or(cloud.home());
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
        let told = |message: &str| progress::note(message);
        tokio::task::block_in_place(|| sandbox::ensure(*port, &told))?;
    }
    Ok(Cloud::counted(endpoint.clone(), pace, calls.clone()).await)
}

/// What is wanted, what stands, and what is between them. Made by reading only.
pub struct Picture {
    /// The way into AWS.
    pub connection: Connection,
    /// What is wanted.
    pub wanted: Wanted,
    /// What the state file remembers.
    pub state: State,
    /// What apply would do.
    pub plan: Plan,
}

impl Picture {
    /// Looks at all of it.
    pub async fn take(context: &Context, globals: &Globals) -> Result<Self, Failure> {
        Self::of(context, context.connect(progress::observer(globals.json)).await?, Selection::default()).await
    }

    /// The same by a connection that stands, of a part of the system.
    pub async fn of(context: &Context, connection: Connection, part: Selection) -> Result<Self, Failure> {
        let wanted = context.compose(&connection).await?;
        let (_stop, stopped) = watch::channel(false);
        let state = connection.state_or_new(context);
        part.check(&wanted.graph, &state)?;
        let world = connection.world(&wanted.graph, stopped).selecting(part);
        let plan = world.plan(&state).await;
        world.check_forced_replacements(&plan)?;
        Ok(Picture { connection, wanted, state, plan })
    }
}

/// What is wanted.
pub struct Wanted {
    /// The steps.
    pub graph: Graph,
    /// What people are told once it stands; may hold references.
    pub outputs: std::collections::BTreeMap<String, String>,
    /// What moves its traffic; may hold references.
    pub levers: Option<Value>,
    /// What people should know.
    pub notes: Vec<String>,
}

/// A way into AWS, for one deployment.
pub struct Connection {
    /// Account, owner, clients.
    pub shared: Arc<Shared>,
    /// All resource types.
    pub registry: Registry,
    /// Who we are to AWS: an ARN.
    pub caller: String,
    /// The state as it is on disk.
    pub state: Option<State>,
}

impl Connection {
    /// What planning and executing look at.
    pub fn world<'a>(&'a self, graph: &'a Graph, stop: watch::Receiver<bool>) -> EngineContext<'a> {
        EngineContext {
            owner: &self.shared.owner,
            graph,
            provider: &self.registry,
            observer: self.shared.observer.as_ref(),
            stop,
            takes_names: false,
            selection: Selection::default(),
        }
    }

    /// The state, or an empty one that is nowhere written.
    pub fn state_or_new(&self, context: &Context) -> State {
        self.state.clone().unwrap_or_else(|| self.fresh(context))
    }

    /// An empty state.
    pub fn fresh(&self, context: &Context) -> State {
        State::new(context.system.name(), context.suffix.as_ref(), &self.shared.account, context.system.region())
    }

    /// What moves the traffic, by the state.
    pub fn levers(&self) -> Result<Option<Levers>, Failure> {
        let levers = self.state.as_ref().map(Levers::of).transpose()?;
        Ok(levers.flatten())
    }

    /// How many requests were sent to AWS.
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

/// The flag or environment, else the configuration, else the only state there is.
pub async fn suffix(globals: &Globals, system: Option<&dyn System>, store: &Store) -> Result<Suffix, Failure> {
    let configured = system.and_then(System::suffix).map(str::to_owned);
    if let Some(suffix) = globals.suffix.clone().or(configured) {
        return Ok(suffix.parse()?);
    }
    let suffixes = store.suffixes().await?;
    match suffixes.as_slice() {
        [only] => Ok(only.parse()?),
        [] => Err(Failure::new("no suffix is given, and there is no state yet", "give one: --suffix dev1")),
        several => Err(Failure::new(
            format!("no suffix is given, and there are states of {}", several.join(", ")),
            format!("name one: --suffix {}", several[0]),
        )),
    }
}
