//! The resources in an account, listed by boto3 and not by the code under test.

use std::collections::BTreeMap;

use serde::Deserialize;

/// All resources by region (`global` for IAM, Route 53 and S3), kind (`ec2.vpc`) and id. What every account has from the
/// start is left out: default VPCs, AWS's own keys, policies and parameter groups.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Account(BTreeMap<String, BTreeMap<String, BTreeMap<String, Thing>>>);

/// One resource in the account.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Thing {
    /// Its name, if it has one besides its id.
    pub name: Option<String>,
    /// Its tags; `None` if AWS can't tag it.
    pub tags: Option<BTreeMap<String, String>>,
}

impl Account {
    /// All resources: region, kind, id, resource.
    pub fn things(&self) -> impl Iterator<Item = (&str, &str, &str, &Thing)> {
        self.0.iter().flat_map(|(region, kinds)| {
            kinds.iter().flat_map(move |(kind, things)| {
                things.iter().map(move |(id, thing)| (region.as_str(), kind.as_str(), id.as_str(), thing))
            })
        })
    }

    /// The resources of one kind in one region, by id.
    pub fn of(&self, region: &str, kind: &str) -> BTreeMap<String, Thing> {
        self.0.get(region).and_then(|kinds| kinds.get(kind)).cloned().unwrap_or_default()
    }

    /// The resources that `is_selected` accepts.
    pub fn only(&self, is_selected: impl Fn(&str, &str, &str, &Thing) -> bool) -> Account {
        let mut only = BTreeMap::<String, BTreeMap<String, BTreeMap<String, Thing>>>::new();
        for (region, kind, id, thing) in
            self.things().filter(|(region, kind, id, thing)| is_selected(region, kind, id, thing))
        {
            let kinds = only.entry(region.to_owned()).or_default();
            kinds.entry(kind.to_owned()).or_default().insert(id.to_owned(), thing.clone());
        }
        Account(only)
    }

    /// Fails with their list if any step exists twice: two resources of one kind in one region with one step's tags.
    pub fn assert_no_twins(&self) {
        let mut of_step: BTreeMap<[&str; 5], Vec<&str>> = BTreeMap::new();
        for (region, kind, id, thing) in self.things() {
            let tag = |key: &str| Some(thing.tags.as_ref()?.get(key)?.as_str());
            let tags = (tag("provisioner:system"), tag("provisioner:suffix"), tag("provisioner:step"));
            if let (Some(system), Some(suffix), Some(step)) = tags {
                of_step.entry([region, kind, system, suffix, step]).or_default().push(id);
            }
        }
        of_step.retain(|_, ids| ids.len() > 1);
        assert!(of_step.is_empty(), "created more than once: {of_step:#?}");
    }

    /// The number of resources.
    pub fn len(&self) -> usize {
        self.things().count()
    }

    /// Fails with the list of resources unless there are none.
    pub fn assert_empty(&self) {
        assert!(self.len() == 0, "{} resources exist:\n{}", self.len(), self.list());
    }

    /// Fails with the differences unless both have the same resources.
    pub fn assert_same(&self, other: &Account) {
        if self == other {
            return;
        }
        let (here, there) = (self.list(), other.list());
        let only = |these: &str, those: &str| -> String {
            these
                .lines()
                .filter(|line| !those.lines().any(|other| other == *line))
                .map(|line| format!("{line}\n"))
                .collect()
        };
        panic!(
            "the accounts differ; only in the first:\n{}only in the second:\n{}",
            only(&here, &there),
            only(&there, &here)
        );
    }

    fn list(&self) -> String {
        self.things().map(|(region, kind, id, thing)| format!("  {region} {kind} {id} {thing:?}\n")).collect()
    }
}
