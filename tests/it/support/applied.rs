//! Systems that are applied once. Each test gets a copy of one, sandbox and state, in a fraction of the time of an apply.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use super::cli::Run;
use super::{Cli, Sandbox, Shared};

/// A system in a sandbox, and the folder with its configuration and its state.
pub struct Applied {
    /// Its AWS.
    pub sandbox: Sandbox,
    /// The tool.
    pub cli: Cli,
    /// The apply that created it.
    pub run: Run,
    /// The regions in which that apply changed something.
    pub changed_regions: BTreeSet<String>,
}

impl Applied {
    /// A copy of the system with this configuration (`None`: no file), which the first caller applies.
    pub async fn with(suffix: &'static str, configuration: Option<&str>) -> Self {
        type Known = HashMap<(&'static str, Option<String>), &'static Shared<Applied>>;
        static KNOWN: Mutex<Option<Known>> = Mutex::new(None);
        let original = {
            let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (suffix, configuration.map(str::to_owned));
            *known.get_or_insert_default().entry(key).or_insert_with(|| Box::leak(Box::new(Shared::new())))
        };
        Self::copy_of(original, async || Self::fresh(suffix, configuration).await).await
    }

    /// A copy of the system that the first caller creates.
    pub async fn copy_of(original: &'static Shared<Applied>, make: impl AsyncFnOnce() -> Self) -> Self {
        if !Sandbox::can_be_forked() {
            return make().await;
        }
        original.get(make).await.copy()
    }

    async fn fresh(suffix: &str, configuration: Option<&str>) -> Self {
        let sandbox = Sandbox::fresh().await;
        let cli = Cli::new(&sandbox);
        configuration.iter().for_each(|toml| cli.configure(toml));
        let run = cli.run(&["apply", "--suffix", suffix]).await.ok();
        let changed_regions = sandbox.changed_regions();
        Applied { sandbox, cli, run, changed_regions }
    }

    fn copy(&self) -> Self {
        let sandbox = self.sandbox.fork();
        let cli = self.cli.copy(&sandbox);
        Applied { sandbox, cli, run: self.run.clone(), changed_regions: self.changed_regions.clone() }
    }
}
