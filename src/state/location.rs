//! `--state`: a folder, or `s3://bucket/prefix?region=…&kms=…&lease=…`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Where states are kept, as people say it.
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
    /// What all keys begin with, without a slash at the end; may be empty.
    pub prefix: String,
    /// The bucket's region; S3 is asked without.
    pub region: Option<String>,
    /// The KMS key that encrypts; AWS's own for S3 without.
    pub kms_key: Option<String>,
    /// How long a lock lasts whose run says nothing more.
    pub lease: Duration,
}

/// How long a lock lasts that nobody renews, unless said otherwise.
const LEASE: Duration = Duration::from_secs(60);
/// A lease has to outlast a few slow answers, and a dead run shouldn't keep others waiting for long.
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
                Some((scheme, _)) => Err(format!("it takes a folder or s3://bucket/prefix, not {scheme}://")),
                None if text.is_empty() => Err("it takes a folder or s3://bucket/prefix".to_owned()),
                None => Ok(Place::Folder(PathBuf::from(text))),
            };
        };
        let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        if bucket.is_empty() {
            return Err("s3:// needs the name of a bucket: s3://bucket/prefix".to_owned());
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
                    let seconds = seconds.ok_or("lease takes 3s to 3600s")?;
                    location.lease = Duration::from_secs(seconds);
                }
                _ => return Err(format!("it knows no {option:?}: region=…, kms=…, lease=60s")),
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
    fn a_folder_and_a_bucket_are_told_apart() {
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
    fn what_is_neither_is_refused_with_what_it_takes() {
        for (text, why) in [
            ("s3://", "name of a bucket"),
            ("gs://states", "not gs://"),
            ("s3://states?lease=1s", "3s to 3600s"),
            ("s3://states?color=red", "knows no"),
            ("", "a folder"),
        ] {
            let error = text.parse::<Place>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
