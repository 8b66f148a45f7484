//! The suffix that identifies one deployment of a system.

use std::fmt;
use std::str::FromStr;

use crate::modules::{BLUE, GREEN};

/// A suffix: a lower-case letter, then lower-case letters, digits and single hyphens, at most 16 characters. It is part of
/// every name, and AWS's strictest names (buckets, load balancers) allow no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suffix(String);

/// A text that is no valid suffix.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid suffix {0:?}: use a lower-case letter, then lower-case letters, digits and single hyphens, at most 16 \
     characters, not starting with blue or green, for example dev1"
)]
pub struct BadSuffix(String);

impl FromStr for Suffix {
    type Err = BadSuffix;

    fn from_str(text: &str) -> Result<Self, BadSuffix> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= 16
            && text.chars().all(letters)
            && !text.ends_with('-')
            && !text.contains("--")
            // The tag of resources that all systems share.
            && text != "shared"
            // `key-blue-x` is the key of the environment blue of the deployment `x`.
            && ![BLUE, GREEN].iter().any(|environment| text.split('-').next() == Some(environment));
        if good { Ok(Suffix(text.to_owned())) } else { Err(BadSuffix(text.to_owned())) }
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Suffix {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_fit_into_every_name() {
        for good in ["dev1", "a", "pr-1234", "abcdefghij123456"] {
            assert!(good.parse::<Suffix>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "1dev",
            "Dev",
            "dev_1",
            "dev-",
            "a--b",
            "abcdefghij1234567",
            "dév",
            "a/b",
            "../x",
            "shared",
            "blue-1",
            "green",
        ] {
            assert!(bad.parse::<Suffix>().is_err(), "{bad}");
        }
    }
}
