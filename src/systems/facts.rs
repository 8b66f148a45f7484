//! What the shipped systems read from AWS before they are composed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::aws::{Cloud, Error, Result};
use crate::modules::database::Engine;
use crate::package::{self, Package};
use crate::resources::config::existing_recorder;
use crate::resources::ec2::availability_zones;
use crate::resources::rds::engine_version::{EngineVersion, offered};

/// The facts that a system with a database and functions needs.
#[derive(Debug)]
pub struct Facts {
    /// Availability zones of the primary region.
    pub zones: Vec<String>,
    /// Availability zones of the recovery region; empty without one.
    pub dr_zones: Vec<String>,
    /// The engine version that all regions of the database offer.
    pub engine: EngineVersion,
    /// A recorder of AWS Config that exists already and isn't provisioner's.
    pub recorder: Option<String>,
    /// The functions' code, by name.
    pub packages: BTreeMap<&'static str, Arc<Package>>,
}

/// The parameters of [`Facts::discover`].
#[derive(Clone, Copy, Debug)]
pub struct FactParams<'a> {
    /// The primary region.
    pub region: &'a str,
    /// The recovery region.
    pub dr_region: Option<&'a str>,
    /// Number of availability zones in each region.
    pub zones: usize,
    /// The database's engine.
    pub engine: Engine,
    /// The configured engine version.
    pub engine_version: &'a str,
    /// The names of functions in `lambda/`.
    pub packages: &'a [&'static str],
}

impl Facts {
    /// Reads the facts. Changes nothing.
    ///
    /// # Errors
    /// AWS can't be read, or the regions have no engine version in common.
    pub async fn discover(cloud: &Cloud, params: FactParams<'_>) -> Result<Self> {
        let here = cloud.region(params.region);
        let there = params.dr_region.map(|region| cloud.region(region));
        let regions: Vec<_> = [&here].into_iter().chain(&there).map(AsRef::as_ref).collect();
        let dr_zones = async {
            match &there {
                Some(there) => availability_zones(there, params.zones).await,
                None => Ok(Vec::new()),
            }
        };
        let packages = async { package::all(params.packages).await.map_err(|error| Error::local(error.to_string())) };
        let (zones, dr_zones, engine, recorder, packages) = tokio::try_join!(
            availability_zones(&here, params.zones),
            dr_zones,
            offered(&regions, params.engine.name(), params.engine_version),
            existing_recorder(&here),
            packages,
        )?;
        Ok(Facts { zones, dr_zones, engine, recorder, packages })
    }
}
