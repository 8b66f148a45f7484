//! provisioner.toml: an error has a location, and every accepted configuration can be composed.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use provisioner::config::{ConfigError, Source, Suffix};
use provisioner::engine::graph::Graph;
use provisioner::engine::ownership::Owner;
use provisioner::engine::reference;
use provisioner::modules::Identity;
use provisioner::package::Package;
use provisioner::resources::rds::engine_version::EngineVersion;
use provisioner::systems::{Configured, Facts, LambdaMysql};
use serde_json::{Value, json};

/// Checks the invariants of a configuration.
pub fn check(text: &[u8]) -> bool {
    // The standard library rejects invalid UTF-8 before.
    let Ok(text) = str::from_utf8(text) else { return false };
    let source = Source::built_in(text);
    let system = source.system();
    match Configured::read(Arc::new(LambdaMysql), &source) {
        Ok(configured) => {
            assert!(system.is_ok(), "the configuration is accepted, but not its system: {system:?}");
            assert_composes(&configured);
            true
        }
        Err(error) => {
            assert_location(&error, text);
            false
        }
    }
}

fn assert_location(error: &ConfigError, text: &str) {
    let message = error.to_string();
    match error {
        ConfigError::Malformed { .. } => assert!(message.contains(" at line "), "no line: {message}"),
        ConfigError::Refused { place, .. } => {
            let (line, key) = place.rsplit_once(": ").map_or((None, place.as_str()), |(at, key)| (Some(at), key));
            let pointer = format!("/{}", key.replace('.', "/"));
            assert!(DEFAULTS.pointer(&pointer).is_some() || key.starts_with("tags."), "unknown key: {message}");
            if let Some(line) = line {
                let number: usize = line.rsplit(':').next().and_then(|number| number.parse().ok()).expect("a number");
                assert!((1..=text.lines().count()).contains(&number), "unknown line: {message}");
            }
        }
        other => panic!("an error that no text can cause: {other}"),
    }
}

/// All keys.
static DEFAULTS: LazyLock<Value> = LazyLock::new(|| {
    let defaults = Configured::read(Arc::new(LambdaMysql), &Source::built_in("")).expect("all keys are optional");
    serde_json::to_value(defaults.config).expect("a configuration is plain data")
});

fn assert_composes(system: &Configured<LambdaMysql>) {
    let (common, settings) = (&system.config.common, &system.config.settings);
    let suffix = common.suffix.as_deref().filter(|suffix| suffix.parse::<Suffix>().is_ok()).unwrap_or("dev1");
    let identity = Identity {
        owner: Owner { system: "lambda-mysql".to_owned(), suffix: suffix.to_owned() },
        account: common.account.clone().unwrap_or_else(|| "111122223333".to_owned()),
        partition: "aws".to_owned(),
        region: common.region.clone(),
        tags: common.tags.clone(),
    };
    let zones: Vec<String> =
        ["x-1a", "x-1b", "x-1c"].into_iter().take(settings.network.zones).map(str::to_owned).collect();
    let facts = Facts {
        dr_zones: zones.clone(),
        zones,
        engine: EngineVersion {
            version: "8.0.mysql_aurora.3.08.2".to_owned(),
            family: "aurora-mysql8.0".to_owned(),
            note: None,
        },
        recorder: None,
        packages: PACKAGES.clone(),
    };
    let composed = system.compose_from(&facts, identity).expect("a suffix without an environment");
    let graph = Graph::new(composed.steps).expect("an accepted configuration makes a graph");
    let outputs = json!([composed.outputs, composed.levers.map(|levers| levers.symbolic())]);
    for reference in reference::find(&outputs) {
        assert!(graph.get(&reference.step).is_some(), "an output refers to {}, which is not a step", reference.step);
    }
}

/// The packages of the functions, without code.
static PACKAGES: LazyLock<BTreeMap<&'static str, Arc<Package>>> = LazyLock::new(|| {
    let names = ["payment-api", "payment-processor", "migrate", "rotate-secret", "failback"];
    let package = |name: &str| Package {
        name: name.to_owned(),
        handler: format!("{name}/index.handler"),
        zip: Vec::new(),
        sha256_base64: String::new(),
    };
    names.into_iter().map(|name| (name, Arc::new(package(name)))).collect()
});
