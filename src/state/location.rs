//! `--state`: a folder, or `s3://bucket/prefix?region=…&kms=…&lease=…`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Where states are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// A bucket.
    Bucket(Location),
}

/// A prefix in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The bucket's name.
    pub bucket: String,
    /// The prefix of all keys, without a slash at the end; may be empty.
    pub prefix: String,
    /// The bucket's region; `None` to look it up.
    pub region: Option<String>,
    /// The KMS key for encryption; `None` for AWS's own key for S3.
    pub kms_key: Option<String>,
    /// How long a lock lasts without renewal.
    pub lease: Duration,
}

/// The default duration of a lock without renewal.
const LEASE: Duration = Duration::from_secs(60);
/// A lease has to outlast some slow answers, and a dead run shouldn't block others for long.
const LEASES: std::ops::RangeInclusive<u64> = 3..=3600;

impl Location {
    /// The key of an object.
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = match self {
            Place::Folder(path) => return write!(f, "{}", path.display()),
            Place::Bucket(location) => location,
        };
        write!(f, "s3://{}/{}?lease={}s", location.bucket, location.prefix, location.lease.as_secs())?;
        location.region.iter().try_for_each(|region| write!(f, "&region={region}"))?;
        location.kms_key.iter().try_for_each(|key| write!(f, "&kms={key}"))
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text.split_once("://") {
                Some((scheme, _)) => Err(format!("expected a folder or s3://bucket/prefix, not {scheme}://")),
                None if text.is_empty() => Err("expected a folder or s3://bucket/prefix".to_owned()),
                None => Ok(Place::Folder(PathBuf::from(text))),
            };
        };
        let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        if bucket.is_empty() {
            return Err("expected a bucket name: s3://bucket/prefix".to_owned());
        }
        let prefix = prefix.trim_matches('/').to_owned();
        let mut location = Location { bucket: bucket.to_owned(), prefix, region: None, kms_key: None, lease: LEASE };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "region" if !value.is_empty() => location.region = Some(value.to_owned()),
                "kms" if !value.is_empty() => location.kms_key = Some(value.to_owned()),
                "lease" => {
                    let seconds = value.trim_end_matches('s').parse().ok().filter(|seconds| LEASES.contains(seconds));
                    let seconds = seconds.ok_or("lease must be between 3s and 3600s")?;
                    location.lease = Duration::from_secs(seconds);
                }
                _ => return Err(format!("unknown option {option:?}: expected region=…, kms=… or lease=60s")),
            }
        }
        Ok(Place::Bucket(location))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(text: &str) -> Location {
        match text.parse() {
            Ok(Place::Bucket(location)) => location,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn folders_and_buckets_are_parsed() {
        assert_eq!("state".parse(), Ok(Place::Folder("state".into())));
        let location = bucket("s3://states/team/a/?region=eu-west-1&kms=alias/states&lease=5s");
        assert_eq!((location.bucket.as_str(), location.prefix.as_str()), ("states", "team/a"));
        assert_eq!(
            (location.region.as_deref(), location.kms_key.as_deref()),
            (Some("eu-west-1"), Some("alias/states"))
        );
        assert_eq!(
            (location.lease, location.key("dev1.json")),
            (Duration::from_secs(5), "team/a/dev1.json".to_owned())
        );
        assert_eq!(bucket("s3://states").key("dev1.json"), "dev1.json");
        assert_eq!(bucket(&Place::Bucket(location.clone()).to_string()), location);
    }

    #[test]
    fn invalid_locations_are_refused() {
        for (text, why) in [
            ("s3://", "bucket name"),
            ("gs://states", "not gs://"),
            ("s3://states?lease=1s", "3s and 3600s"),
            ("s3://states?color=red", "unknown option"),
            ("", "a folder"),
        ] {
            let error = text.parse::<Place>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
