//! The sources, embedded folder by folder, without tests and `node_modules`.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};

use super::{Error, Files, Manifest};

/// The dependencies for `npm ci`.
pub(super) const PACKAGE_JSON: &str = include_str!("../../lambda/package.json");
/// Their versions.
pub(super) const PACKAGE_LOCK: &str = include_str!("../../lambda/package-lock.json");

const FUNCTIONS: &str = include_str!("../../lambda/functions.json");

static LIB: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/lambda/lib");

static FOLDERS: [(&str, Dir<'_>); 6] = [
    ("data-sync", include_dir!("$CARGO_MANIFEST_DIR/lambda/data-sync")),
    ("failback", include_dir!("$CARGO_MANIFEST_DIR/lambda/failback")),
    ("migrate", include_dir!("$CARGO_MANIFEST_DIR/lambda/migrate")),
    ("payment-api", include_dir!("$CARGO_MANIFEST_DIR/lambda/payment-api")),
    ("payment-processor", include_dir!("$CARGO_MANIFEST_DIR/lambda/payment-processor")),
    ("rotate-secret", include_dir!("$CARGO_MANIFEST_DIR/lambda/rotate-secret")),
];

static MIGRATIONS: [(&str, Dir<'_>); 2] = [
    ("mysql", include_dir!("$CARGO_MANIFEST_DIR/migrations/mysql")),
    ("postgres", include_dir!("$CARGO_MANIFEST_DIR/migrations/postgres")),
];

/// The entries of `lambda/functions.json`.
pub(super) fn manifests() -> BTreeMap<String, Manifest> {
    serde_json::from_str(FUNCTIONS).expect("the tests read lambda/functions.json")
}

pub(super) fn manifest(name: &str) -> Result<Manifest, Error> {
    manifests().remove(name).ok_or_else(|| Error::UnknownFunction(name.to_owned()))
}

/// The embedded folders.
#[cfg(test)]
pub(super) fn folders() -> impl Iterator<Item = &'static str> {
    FOLDERS.iter().map(|(name, _)| *name)
}

/// The files of a function: its own, the shared ones, and its migrations.
pub(super) fn files(name: &str, manifest: &Manifest) -> Result<Files, Error> {
    let unknown = || Error::UnknownFunction(name.to_owned());
    let mut files = Files::new();
    let own = manifest.folder();
    add(&mut files, own, folder(&FOLDERS, own).ok_or_else(unknown)?);
    add(&mut files, "lib", &LIB);
    if let Some(database) = &manifest.migrations {
        let folder = folder(&MIGRATIONS, database).ok_or_else(unknown)?;
        add(&mut files, &format!("migrations/{database}"), folder);
    }
    Ok(files)
}

fn folder(folders: &'static [(&str, Dir<'static>)], name: &str) -> Option<&'static Dir<'static>> {
    folders.iter().find(|(folder, _)| *folder == name).map(|(_, dir)| dir)
}

fn add(files: &mut Files, prefix: &str, dir: &Dir<'_>) {
    for file in dir.files() {
        let path =
            file.path().components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        files.insert(format!("{prefix}/{path}"), file.contents().to_vec());
    }
    for dir in dir.dirs() {
        add(files, prefix, dir);
    }
}
