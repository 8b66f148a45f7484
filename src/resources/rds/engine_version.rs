//! Which engine versions the regions offer: AWS retires them, so what a configuration names may be gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::clients::Clients;
use crate::aws::{Error, Result};

/// An engine version that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineVersion {
    /// For example `8.0.mysql_aurora.3.08.2` or `16.6`.
    pub version: String,
    /// The family of its parameter groups, for example `aurora-mysql8.0`.
    pub family: String,
    /// Why it isn't the one that was wanted, in a sentence for people; `None` if it is.
    pub note: Option<String>,
}

/// The version that is `wanted`, if all the regions offer it, else the newest of the same major version that they all do.
/// A bare major version (`8.0`, `16`) asks for its newest. `engine` is `aurora-mysql` or `aurora-postgresql`.
///
/// # Errors
/// If a region can't be asked, or the regions have no version of that major version in common.
pub async fn offered(regions: &[&Clients], engine: &str, wanted: &str) -> Result<EngineVersion> {
    let lists = futures::future::try_join_all(regions.iter().map(|region| list(region, engine))).await?;
    let common =
        lists.into_iter().reduce(|a, b| a.into_iter().filter(|(version, _)| b.contains_key(version)).collect());
    let names: Vec<_> = regions.iter().map(|region| region.region.as_str()).collect();
    choose(&common.unwrap_or_default(), engine, wanted, &names.join(" and "))
}

/// What a region offers: version to parameter group family, without previews.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBEngineVersions.html>
async fn list(region: &Clients, engine: &str) -> Result<BTreeMap<String, String>> {
    let mut pages = region.rds.describe_db_engine_versions().engine(engine).into_paginator().items().send();
    let mut all = BTreeMap::new();
    while let Some(offer) = pages.next().await {
        let offer = offer?;
        let words = [offer.engine_version(), offer.db_engine_version_description(), offer.status()];
        let is_preview = words.into_iter().flatten().any(|text| text.to_lowercase().contains("preview"));
        let is_available = offer.status().is_none_or(|status| status == "available");
        if is_available && !is_preview {
            all.extend(offer.engine_version.zip(offer.db_parameter_group_family));
        }
    }
    Ok(all)
}

fn choose(offers: &BTreeMap<String, String>, engine: &str, wanted: &str, regions: &str) -> Result<EngineVersion> {
    if let Some(family) = offers.get(wanted) {
        return Ok(EngineVersion { version: wanted.to_owned(), family: family.clone(), note: None });
    }
    let of_major = offers.iter().filter(|(version, _)| is_same_major(wanted, version));
    let Some((version, family)) = of_major.max_by_key(|(version, _)| numbers(version)) else {
        let majors: BTreeSet<_> = offers.keys().map(|version| major(version)).collect();
        let majors: Vec<_> = majors.into_iter().collect();
        let error = Error::local(format!("{regions}: no {engine} of major version {} is offered", major(wanted)));
        return Err(error.with_help(format!("set the engine version to one of these: {}", majors.join(", "))));
    };
    let is_bare = wanted == major(wanted);
    let note = format!(
        "{engine} {wanted} isn't offered in {regions} any more: {version} is used, the newest {}",
        major(wanted)
    );
    Ok(EngineVersion { version: version.clone(), family: family.clone(), note: (!is_bare).then_some(note) })
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

/// True if both are of one major version, so that AWS moves from one to the other by itself.
pub(super) fn is_same_major(a: &str, b: &str) -> bool {
    major(a) == major(b)
}

/// For people: AWS upgrades minor versions by itself.
pub(super) fn runs_another_minor(wanted: &str, running: &str) -> Option<String> {
    (is_same_major(wanted, running) && wanted != running).then(|| format!("runs {running}"))
}

/// A new major version belongs into a new environment, tried before it gets traffic.
pub(super) fn refuse_major(from: &str, to: &str) -> Error {
    let error = Error::local(format!("a standing database isn't taken from engine version {from} to {to}"));
    error.with_help(
        "keep the version of this environment, build the other environment with the new one, and shift to it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(engine_family: &str, versions: &[&str]) -> BTreeMap<String, String> {
        versions.iter().map(|version| ((*version).to_owned(), engine_family.to_owned())).collect()
    }

    #[test]
    fn the_wanted_version_is_taken_if_it_stands() {
        let offers = offers("aurora-mysql8.0", &["8.0.mysql_aurora.3.04.1", "8.0.mysql_aurora.3.10.0"]);
        let chosen = choose(&offers, "aurora-mysql", "8.0.mysql_aurora.3.04.1", "us-east-1").unwrap();
        assert_eq!((chosen.version.as_str(), chosen.note), ("8.0.mysql_aurora.3.04.1", None));
    }

    #[test]
    fn else_the_newest_of_the_same_major_version_by_number_and_not_by_text() {
        let offers = offers(
            "f",
            &["14.9", "14.18", "15.4", "8.0.mysql_aurora.3.9.0", "8.0.mysql_aurora.3.10.0", "8.4.mysql_aurora.8.4.1"],
        );
        let chosen = |wanted| choose(&offers, "aurora", wanted, "us-east-1").unwrap();
        assert_eq!(chosen("14.6").version, "14.18");
        assert!(chosen("14.6").note.unwrap().contains("14.6 isn't offered in us-east-1"));
        assert_eq!(chosen("8.0.mysql_aurora.3.01.0").version, "8.0.mysql_aurora.3.10.0");
        assert_eq!((chosen("8.0").version.as_str(), chosen("8.0").note), ("8.0.mysql_aurora.3.10.0", None));
        assert_eq!((chosen("15").version.as_str(), chosen("15").note), ("15.4", None));
    }

    #[test]
    fn a_major_version_that_is_gone_is_an_error_that_lists_what_there_is() {
        let error = choose(&offers("f", &["15.4", "16.1"]), "aurora-postgresql", "11.9", "us-east-1").unwrap_err();
        assert_eq!(error.help.as_deref(), Some("set the engine version to one of these: 15, 16"));
    }
}
