//! A system that was applied twice, which tests only read, and what holds for every one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::account::{Account, Thing};
use super::cli::{Run, Summary};
use super::{Applied, Cli, Sandbox};
use crate::systems::System;

/// Every system has more steps than this.
const STEPS: u64 = 400;

/// A system after its first apply and a second one without a change.
pub struct AppliedTwice {
    /// Its AWS.
    pub sandbox: Sandbox,
    /// The tool.
    pub cli: Cli,
    /// The first apply, with output for people.
    pub first: Run,
    /// The second apply.
    pub second: Summary,
    /// The resources in the account.
    pub account: Account,
    system: &'static System,
}

impl AppliedTwice {
    /// Applies a system.
    pub async fn new(system: &'static System) -> Self {
        let Applied { sandbox, cli, run: first, .. } = system.copy().await;
        let second = cli.run(&["apply", "--suffix", system.suffix, "--json"]).await.ok().summary();
        let account = sandbox.account(system.regions).await;
        AppliedTwice { sandbox, cli, first, second, account, system }
    }

    /// Runs a command on it.
    pub async fn run(&self, arguments: &[&str]) -> Run {
        self.cli.run(&[arguments, &["--suffix", self.system.suffix]].concat()).await
    }

    /// The ids of its steps.
    pub fn steps(&self) -> Vec<String> {
        self.cli.step_ids(self.system.suffix).into_iter().collect()
    }

    /// The outputs that the first apply printed.
    pub fn outputs(&self) -> BTreeMap<String, String> {
        outputs(&self.first.stdout)
    }

    /// The second apply changed nothing with few calls.
    pub fn assert_second_apply_was_idle(&self) {
        let steps = self.steps().len() as u64;
        assert!(steps > STEPS, "{steps} steps");
        let second = &self.second;
        assert_eq!((done(second), second.failed, second.unchanged), ([0; 4], 0, steps));
        let most = steps * 6 / 10;
        assert!(second.api_calls <= most, "{} calls for {steps} steps; {most} are enough", second.api_calls);
    }

    /// A plan is empty, and changes neither AWS nor the state folder.
    pub async fn assert_plan_is_empty(&self) {
        let before = files(&self.cli.state_folder());
        assert_settled(&self.cli, self.system.suffix).await;
        self.run(&["plan"]).await.ok().says("unchanged");
        assert!(files(&self.cli.state_folder()) == before, "plan wrote into the state folder");
        self.account.assert_same(&self.sandbox.account(self.system.regions).await);
    }

    /// Every name that provisioner chooses contains the suffix.
    pub fn assert_names_carry_the_suffix(&self) {
        let things = self.account.things();
        let names = things.filter_map(|(_, kind, id, thing)| Some((kind, chosen_name(kind, id, thing)?)));
        let (with, without): (Vec<_>, Vec<_>) = names.partition(|(_, name)| name.contains(self.system.suffix));
        let all = with.len() + without.len();
        assert!(all > 300, "{all} names");
        assert!(with.len() * 100 >= all * 95, "{} of {all} names lack the suffix: {without:#?}", without.len());
        // AWS allows these once an account and region: all suffixes share them.
        let shared =
            |(kind, name): &(&str, String)| kind.starts_with("config.") || name.starts_with("provisioner-config-");
        assert!(without.iter().all(shared), "{without:#?}");
    }

    /// Every resource with tags has those of ownership and cost allocation; no step has two resources.
    pub fn assert_tags(&self) {
        let System { name, suffix, cost_center, tags: more, .. } = *self.system;
        let steps: BTreeSet<String> = self.steps().into_iter().collect();
        let stack = format!("{name}-{suffix}");
        let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
        let things = self.account.things().filter(|(_, kind, id, thing)| !is_created_by_aws(kind, id, thing));
        for (region, kind, id, thing) in things {
            let Some(tags) = &thing.tags else { continue };
            let tag = |key: &str| tags.get(key).map_or("", String::as_str);
            let owner = (tag("provisioner:system"), tag("provisioner:suffix"));
            let right = [(name, suffix), ("shared", "shared")].contains(&owner)
                && steps.contains(tag("provisioner:step"))
                && tag("Stack") == stack
                && ["blue", "green", "shared"].contains(&tag("Environment"))
                && tag("CostCenter") == cost_center
                && more.iter().all(|(key, value)| tag(key) == *value);
            if !right {
                wrong.push(format!("{region} {kind} {id} {tags:?}"));
            }
            seen.insert(tag("provisioner:step").to_owned());
        }
        assert!(wrong.is_empty(), "{} lack tags: {wrong:#?}", wrong.len());
        assert!(seen.len() > 250, "{} steps with tags", seen.len());
        self.account.assert_no_twins();
    }

    /// `status` counts all resources, and prints the outputs and notes.
    pub async fn assert_status_is_complete(&self) {
        let System { name, suffix, note, .. } = *self.system;
        let (steps, outputs) = (self.steps().len(), self.outputs());
        assert!(self.first.stdout.contains(note) || self.first.stderr.contains(note), "the first apply lacks {note:?}");
        self.run(&["plan"]).await.ok().says(note);
        let status = self.run(&["status"]).await.ok().says(&format!("{name} {suffix} in account 123456789012"));
        let status = status.says(&format!("{steps} of {steps} resources exist"));
        let status = status.says("no changes: it matches the configuration");
        let status = status.says(note);
        outputs.iter().fold(status, |status, (name, value)| status.says(&format!("{name} = {value}")));

        let status = self.run(&["status", "--json"]).await.ok().events().pop().expect("a summary");
        assert_eq!((&status["standing"], &status["wanted"]), (&steps.into(), &steps.into()));
        let unfinished = &status["unfinished"];
        assert_eq!((unfinished, &status["outputs"]), (&0.into(), &serde_json::json!(outputs)));
    }
}

/// Nothing to do: exit code 0 where changes would give 2, and a summary without changes.
pub async fn assert_settled(cli: &Cli, suffix: &str) {
    let plan = cli.run(&["plan", "--suffix", suffix, "--json", "--detailed-exitcode"]).await.ok();
    let summary = plan.summary();
    assert!(planned(&plan).is_empty(), "a plan that isn't empty:\n{}", plan.stdout);
    assert_eq!(done(&summary), [0; 4]);
    assert!(summary.failed == 0 && summary.unchanged > STEPS, "{summary:?}");
}

/// Created, updated, replaced, deleted.
pub fn done(summary: &Summary) -> [u64; 4] {
    [summary.created, summary.updated, summary.replaced, summary.deleted]
}

/// The `name = value` lines of an apply.
pub fn outputs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once(" = "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The planned actions of `plan --json`: step to kind and action.
pub fn planned(plan: &Run) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let events = plan.events().into_iter().filter(|event| event["type"] == "planned");
    events.map(|event| (text(&event["step"]), (text(&event["kind"]), text(&event["action"])))).collect()
}

/// All files of a folder with their contents.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let read = |path: std::path::PathBuf| (path.display().to_string(), std::fs::read(&path).expect("a file"));
    found.into_iter().map(read).chain(folders.iter().flat_map(|folder| files(folder))).collect()
}

/// True for resources that AWS creates for ours, with its own names and tags: the network interfaces of load balancers,
/// gateways, endpoints and tasks, the alarms of target tracking, the secrets of passwords that RDS manages.
fn is_created_by_aws(kind: &str, id: &str, thing: &Thing) -> bool {
    match kind {
        "ec2.network_interface" => true,
        "cloudwatch.alarm" => id.starts_with("TargetTracking-"),
        "secrets.secret" => thing.name.as_ref().is_some_and(|name| name.starts_with("rds!")),
        _ => false,
    }
}

/// The name that provisioner chose for a resource; `None` where AWS chooses it.
fn chosen_name(kind: &str, id: &str, thing: &Thing) -> Option<String> {
    // These have an id only.
    let nameless = ["lambda.event_source_mapping", "route53.query_logging_config"];
    if is_created_by_aws(kind, id, thing) || nameless.contains(&kind) {
        return None;
    }
    let shown_by_tag = kind.starts_with("ec2.") || ["kms.key", "route53.health_check"].contains(&kind);
    let tag = thing.tags.as_ref().and_then(|tags| tags.get("Name")).filter(|_| shown_by_tag);
    Some(thing.name.as_ref().or(tag).map_or(id, String::as_str).to_owned())
}
