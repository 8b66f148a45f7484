//! The code of the Lambda functions: zip files of the sources in `lambda/`, which are embedded in this binary.
//!
//! The same sources result in the same bytes on every machine: a hash tells whether a function is up to date.

mod dependencies;
mod sources;
mod zip;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

/// A function's code, ready for upload.
#[derive(Debug)]
pub struct Package {
    /// The function's name in `lambda/functions.json`.
    pub name: String,
    /// File and exported name of the entry, `payment-api/index.handler`.
    pub handler: String,
    /// The zip file.
    pub zip: Vec<u8>,
    /// The SHA-256 of the zip file in Base64, as in AWS's `CodeSha256`.
    pub sha256_base64: String,
}

/// Why a package can't be built.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// `lambda/functions.json` has no such function.
    #[error("there is no function {0} in lambda/functions.json")]
    UnknownFunction(String),
    /// There is no npm on this machine.
    #[error(
        "npm isn't installed, but is needed for the dependencies of the functions: install Node.js 18 or later (https://nodejs.org)"
    )]
    NpmMissing,
    /// npm couldn't install the dependencies of the functions.
    #[error("npm couldn't install the dependencies of the functions: {0}")]
    Npm(String),
    /// A file can't be read or written.
    #[error("{path}: {message}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        message: String,
    },
    /// There is no place for the cache.
    #[error(
        "neither XDG_CACHE_HOME nor HOME is set: set one of them, as the place for the dependencies of the functions"
    )]
    NoCache,
    /// The zip file can't be written.
    #[error("the package of {name} can't be written: {message}")]
    Zip {
        /// The function.
        name: String,
        /// What went wrong.
        message: String,
    },
}

/// The entry of a function in `lambda/functions.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// The entry point, in the function's folder. Several functions can share one.
    handler: String,
    /// The package includes the dependencies of `lambda/package.json`.
    dependencies: bool,
    /// The folder of `migrations/` that the package includes.
    migrations: Option<String>,
}

impl Manifest {
    /// The folder of the entry point in `lambda/`.
    fn folder(&self) -> &str {
        self.handler.split_once('/').map_or("", |(folder, _)| folder)
    }
}

type Slot = Arc<OnceCell<Arc<Package>>>;

static BUILT: Mutex<BTreeMap<String, Slot>> = Mutex::new(BTreeMap::new());

/// The package of a function of `lambda/functions.json`, built once per process. On the first use on a machine npm installs the
/// dependencies, in the versions of `package-lock.json`, into the user's cache folder.
pub async fn build(name: &str) -> Result<Arc<Package>, Error> {
    let slot = BUILT.lock().expect("no panic holds this lock").entry(name.to_owned()).or_default().clone();
    slot.get_or_try_init(|| create(name)).await.cloned()
}

/// The packages of several functions, by their names.
pub async fn all(names: &[&'static str]) -> Result<BTreeMap<&'static str, Arc<Package>>, Error> {
    let packages = names.iter().map(|name| async move { Ok((*name, build(name).await?)) });
    Ok(futures::future::try_join_all(packages).await?.into_iter().collect())
}

async fn create(name: &str) -> Result<Arc<Package>, Error> {
    let manifest = sources::manifest(name)?;
    let mut files = sources::files(name, &manifest)?;
    let modules = if manifest.dependencies { Some(dependencies::installed().await?) } else { None };
    let name = name.to_owned();
    let work = tokio::task::spawn_blocking(move || {
        if let Some(folder) = modules {
            files.extend(dependencies::files(&folder)?);
        }
        let zip = zip::write(&files).map_err(|message| Error::Zip { name: name.clone(), message })?;
        let sha256_base64 = STANDARD.encode(Sha256::digest(&zip));
        Ok(Arc::new(Package { name, handler: manifest.handler, zip, sha256_base64 }))
    });
    work.await.expect("packing doesn't panic")
}

/// The files of a package by path, with `/` on every system.
type Files = BTreeMap<String, Vec<u8>>;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_function_has_its_folder_and_entry_point() {
        let named: BTreeSet<String> =
            sources::manifests().values().map(|manifest| manifest.folder().to_owned()).collect();
        let embedded: BTreeSet<String> = sources::folders().map(str::to_owned).collect();
        assert_eq!(named, embedded);
        for (name, manifest) in sources::manifests() {
            let files = sources::files(&name, &manifest).unwrap();
            let (entry, _) = manifest.handler.rsplit_once('.').unwrap();
            assert!(files.contains_key(&format!("{entry}.mjs")), "{name}: no {entry}.mjs");
            assert!(files.keys().all(|path| !path.contains("test")), "{name} includes tests");
            assert_eq!(manifest.migrations.is_some(), files.keys().any(|path| path.ends_with(".sql")), "{name}");
        }
    }

    #[tokio::test]
    async fn same_sources_result_in_the_same_bytes() {
        let (first, second) = (create("payment-api").await.unwrap(), create("payment-api").await.unwrap());
        assert_eq!(first.zip, second.zip);
        assert_eq!(STANDARD.decode(&first.sha256_base64).unwrap().len(), 32);
        assert_eq!(first.handler, "payment-api/index.handler");
    }

    #[tokio::test]
    async fn unknown_function_is_refused() {
        let error = build("payment-apy").await.unwrap_err();
        assert_eq!(error.to_string(), "there is no function payment-apy in lambda/functions.json");
    }
}
