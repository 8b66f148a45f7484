//! The engine versions that regions offer: AWS retires versions, so the configured one may not be available.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::clients::Clients;
use crate::aws::{Error, Result};
use crate::resources::Refusal;

/// An available engine version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineVersion {
    /// For example `8.0.mysql_aurora.3.08.2` or `16.6`.
    pub version: String,
    /// The family of its parameter groups, for example `aurora-mysql8.0`.
    pub family: String,
    /// Why it differs from the configured one, in a sentence for people; `None` if it doesn't.
    pub note: Option<String>,
}

/// The `desired` version, if all regions offer it, otherwise the newest of the same major version that they all offer. A major
/// version alone (`8.0`, `16`) means its newest one. `engine` is `aurora-mysql` or `aurora-postgresql`.
///
/// # Errors
/// If a list call fails, or the regions have no version of that major version in common.
pub async fn offered(regions: &[&Clients], engine: &str, desired: &str) -> Result<EngineVersion> {
    let lists = futures::future::try_join_all(regions.iter().map(|region| list(region, engine))).await?;
    let common =
        lists.into_iter().reduce(|a, b| a.into_iter().filter(|(version, _)| b.contains_key(version)).collect());
    let names: Vec<_> = regions.iter().map(|region| region.region.as_str()).collect();
    choose(&common.unwrap_or_default(), engine, desired, &names.join(" and "))
}

/// The versions that a region offers, with their parameter group families, without previews.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBEngineVersions.html>
async fn list(region: &Clients, engine: &str) -> Result<BTreeMap<String, String>> {
    let mut pages = region.rds.describe_db_engine_versions().engine(engine).into_paginator().items().send();
    let mut all = BTreeMap::new();
    while let Some(offer) = pages.try_next().await? {
        let words = [offer.engine_version(), offer.db_engine_version_description(), offer.status()];
        let is_preview = words.into_iter().flatten().any(|text| text.to_lowercase().contains("preview"));
        let is_available = offer.status().is_none_or(|status| status == "available");
        if is_available && !is_preview {
            all.extend(offer.engine_version.zip(offer.db_parameter_group_family));
        }
    }
    Ok(all)
}

fn choose(offers: &BTreeMap<String, String>, engine: &str, desired: &str, regions: &str) -> Result<EngineVersion> {
    if let Some(family) = offers.get(desired) {
        return Ok(EngineVersion { version: desired.to_owned(), family: family.clone(), note: None });
    }
    let of_major = offers.iter().filter(|(version, _)| is_same_major(desired, version));
    let Some((version, family)) = of_major.max_by_key(|(version, _)| numbers(version)) else {
        let majors: BTreeSet<_> = offers.keys().map(|version| major(version)).collect();
        let majors: Vec<_> = majors.into_iter().collect();
        let error = Error::local(format!("{engine} {} isn't offered in {regions}", major(desired)));
        return Err(error.with_help(format!("set the engine version to one of these: {}", majors.join(", "))));
    };
    let is_major = desired == major(desired);
    let note = format!(
        "{engine} {desired} isn't offered in {regions} any more: {version} is used, the newest {}",
        major(desired)
    );
    Ok(EngineVersion { version: version.clone(), family: family.clone(), note: (!is_major).then_some(note) })
}

/// `8.0` of `8.0.mysql_aurora.3.08.2`, `16` of `16.6`.
fn major(version: &str) -> &str {
    match version.split_once(".mysql_aurora") {
        Some((compatible, _)) => compatible,
        None if version.starts_with("5.7") || version.starts_with("8.") => version,
        None => version.split('.').next().unwrap_or_default(),
    }
}

fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// True if both have the same major version: AWS upgrades minor versions.
pub(super) fn is_same_major(a: &str, b: &str) -> bool {
    major(a) == major(b)
}

/// The running version for people, if AWS upgraded the minor version.
pub(super) fn other_minor(desired: &str, running: &str) -> Option<String> {
    (is_same_major(desired, running) && desired != running).then(|| format!("runs {running}"))
}

/// Refuses another major version. AWS has no downgrade: `EngineVersion` is a version to upgrade to. An upgrade belongs into the
/// other environment, where it is tested before it serves traffic.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html>
pub(super) fn check_major(desired: &str, actual: &str) -> std::result::Result<(), Refusal> {
    if is_same_major(desired, actual) {
        return Ok(());
    }
    let advice = if numbers(major(desired)) < numbers(major(actual)) {
        "AWS can't downgrade a database: restore the version of this environment"
    } else {
        "restore the version of this environment, build the other environment with the new one, and shift to it"
    };
    Err(Refusal::new("engine_version", advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(engine_family: &str, versions: &[&str]) -> BTreeMap<String, String> {
        versions.iter().map(|version| ((*version).to_owned(), engine_family.to_owned())).collect()
    }

    #[test]
    fn desired_version_is_used_if_offered() {
        let offers = offers("aurora-mysql8.0", &["8.0.mysql_aurora.3.04.1", "8.0.mysql_aurora.3.10.0"]);
        let chosen = choose(&offers, "aurora-mysql", "8.0.mysql_aurora.3.04.1", "us-east-1").unwrap();
        assert_eq!((chosen.version.as_str(), chosen.note), ("8.0.mysql_aurora.3.04.1", None));
    }

    #[test]
    fn newest_of_the_major_version_is_chosen_by_number() {
        let offers = offers(
            "f",
            &["14.9", "14.18", "15.4", "8.0.mysql_aurora.3.9.0", "8.0.mysql_aurora.3.10.0", "8.4.mysql_aurora.8.4.1"],
        );
        let chosen = |desired| choose(&offers, "aurora", desired, "us-east-1").unwrap();
        assert_eq!(chosen("14.6").version, "14.18");
        assert!(chosen("14.6").note.unwrap().contains("14.6 isn't offered in us-east-1"));
        assert_eq!(chosen("8.0.mysql_aurora.3.01.0").version, "8.0.mysql_aurora.3.10.0");
        assert_eq!((chosen("8.0").version.as_str(), chosen("8.0").note), ("8.0.mysql_aurora.3.10.0", None));
        assert_eq!((chosen("15").version.as_str(), chosen("15").note), ("15.4", None));
    }

    #[test]
    fn retired_major_version_lists_the_offered_ones() {
        let error = choose(&offers("f", &["15.4", "16.1"]), "aurora-postgresql", "11.9", "us-east-1").unwrap_err();
        assert_eq!(error.help.as_deref(), Some("set the engine version to one of these: 15, 16"));
    }

    #[test]
    fn major_version_can_neither_go_down_nor_up() {
        let advice = |desired: &str, actual: &str| check_major(desired, actual).unwrap_err().advice;
        assert!(advice("9.6", "16.1").starts_with("AWS can't downgrade"));
        assert!(advice("17.2", "16.1").contains("build the other environment"));
        assert_eq!(check_major("16.1", "16.6"), Ok(()));
    }
}
