//! The Python package of the sandbox (`localstack/`), embedded in the binary.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, File, include_dir};
use sha2::{Digest, Sha256};

use super::cache;
use super::error::{Result, SandboxError};

static PACKAGE: Dir = include_dir!("$CARGO_MANIFEST_DIR/localstack/sandbox");

/// The Python packages to install, with the hash of every file.
pub const REQUIREMENTS: &str = include_str!("../../localstack/requirements.txt");

/// Folders that runs and tests of the package create in it.
const IGNORED: [&str; 2] = ["__pycache__", "node_modules"];

/// The files of the package, sorted by path.
fn files() -> Vec<&'static File<'static>> {
    let mut files = Vec::new();
    let mut folders = vec![&PACKAGE];
    while let Some(folder) = folders.pop() {
        for entry in folder.entries() {
            match entry {
                DirEntry::Dir(inner) if IGNORED.iter().any(|name| inner.path().ends_with(name)) => {}
                DirEntry::Dir(inner) => folders.push(inner),
                DirEntry::File(file) => files.push(file),
            }
        }
    }
    files.sort_by_key(|file| file.path());
    files
}

/// A hash of all files: identifies the version of the sandbox.
pub fn hash() -> String {
    let mut hash = Sha256::new();
    hash.update(REQUIREMENTS);
    for file in files() {
        hash.update(file.path().as_os_str().as_encoded_bytes());
        hash.update(file.contents().len().to_be_bytes());
        hash.update(file.contents());
    }
    short(&hash.finalize())
}

/// The first 16 hexadecimal digits.
pub fn short(digest: &[u8]) -> String {
    digest[..8].iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string can't fail");
        text
    })
}

/// Unpacks the files into the cache, unless they are there. The caller must have the cache's lock. Returns the folder with the
/// package `sandbox` and `requirements.txt`.
pub fn unpack(cache: &Path) -> Result<PathBuf> {
    let home = cache.join(hash());
    cache::create_atomically(&home, |unfinished| {
        let write = |path: PathBuf, contents: &[u8]| {
            cache::folder(path.parent().expect("the path of a file has a parent"))?;
            fs::write(&path, contents).map_err(SandboxError::io("can't write", &path))
        };
        for file in files() {
            write(unfinished.join("sandbox").join(file.path()), file.contents())?;
        }
        write(unfinished.join("requirements.txt"), REQUIREMENTS.as_bytes())
    })?;
    Ok(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpack_writes_all_files_and_no_leftovers() {
        let cache = tempfile::tempdir().unwrap();
        let home = unpack(cache.path()).unwrap();
        assert_eq!(home.file_name().unwrap().to_str().unwrap(), hash());
        for needed in [
            "requirements.txt",
            "sandbox/__main__.py",
            "sandbox/services/ec2/__init__.py",
            "sandbox/functions/runtime/package.json",
        ] {
            assert!(home.join(needed).is_file(), "{needed}");
        }
        assert_eq!(unpack(cache.path()).unwrap(), home, "unpacking again returns the same folder");
        let leftover =
            files().into_iter().find(|file| file.path().extension().is_some_and(|extension| extension == "pyc"));
        assert!(leftover.is_none(), "{leftover:?}");
    }
}
