//! Shares and weights: green's share in percent, and the two weights that produce it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Green's share of the requests in whole percent, 0 to 100; blue serves the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Share(u8);

/// An invalid share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no valid share: give a whole number of percent, 0 to 100")]
pub struct BadShare(String);

impl Share {
    /// All to blue.
    pub const BLUE: Share = Share(0);
    /// All to green.
    pub const GREEN: Share = Share(100);

    /// In percent.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// The weights to write, to load balancers and to DNS alike. They add up to 100, so they read as percentages, are below the
    /// maximum of Elastic Load Balancing (999) and Route 53 (255), and are never both zero.
    pub fn split(self) -> Split {
        Split { blue: u32::from(100 - self.0), green: u32::from(self.0) }
    }
}

impl TryFrom<u8> for Share {
    type Error = BadShare;

    fn try_from(percent: u8) -> Result<Self, BadShare> {
        if percent <= 100 { Ok(Share(percent)) } else { Err(BadShare(percent.to_string())) }
    }
}

impl From<Share> for u8 {
    fn from(share: Share) -> u8 {
        share.0
    }
}

impl FromStr for Share {
    type Err = BadShare;

    fn from_str(text: &str) -> Result<Self, BadShare> {
        let bad = || BadShare(format!("{text:?}"));
        text.trim().trim_end_matches('%').trim_end().parse::<u8>().map_err(|_| bad())?.try_into().map_err(|_| bad())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// Two weights as AWS stores them, relative to their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Blue's weight.
    pub blue: u32,
    /// Green's weight.
    pub green: u32,
}

impl Split {
    /// Green's share, rounded down to whole percent, but to at least 1 % unless its weight is zero. `None` if both weights are
    /// zero: a load balancer then serves no requests, and Route 53 returns both records equally.
    pub fn share(self) -> Option<Share> {
        let (green, total) = (u64::from(self.green), u64::from(self.blue) + u64::from(self.green));
        let percent = (green * 100).checked_div(total)?;
        let percent = if green > 0 { percent.max(1) } else { 0 };
        u8::try_from(percent).ok().map(Share)
    }

    /// True if green gets exactly this share. Weights are relative: 1 of 10 equals 100 of 1000.
    pub fn is_at(self, share: Share) -> bool {
        let (blue, green) = (u64::from(self.blue), u64::from(self.green));
        let desired = share.split();
        blue + green > 0 && green * u64::from(desired.blue) == blue * u64::from(desired.green)
    }

    /// True if green gets at most this share. Two zero weights never do: they don't decide who serves.
    pub fn is_at_most(self, share: Share) -> bool {
        let (blue, green) = (u64::from(self.blue), u64::from(self.green));
        blue + green > 0 && green * 100 <= (blue + green) * u64::from(share.0)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = f64::from(self.blue) + f64::from(self.green);
        if total == 0.0 {
            return write!(f, "both weights are zero");
        }
        let percent = |weight: u32| (f64::from(weight) * 1000.0 / total).round() / 10.0;
        write!(f, "blue {} %, green {} %", percent(self.blue), percent(self.green))
    }
}

/// The steps of a shift: rising shares of green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Steps(Vec<Share>);

/// An invalid list of steps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSteps {
    /// A step isn't a share.
    #[error(transparent)]
    Share(#[from] BadShare),
    /// A step isn't larger than the one before.
    #[error(
        "{1} can't follow {0}: each step must give green more; to reduce green's share: `shift --green`, `failback`"
    )]
    Falling(Share, Share),
}

impl Steps {
    /// A single step.
    pub fn one(share: Share) -> Self {
        Steps(vec![share])
    }

    /// All steps.
    pub fn all(&self) -> &[Share] {
        &self.0
    }

    /// The last step.
    pub fn target(&self) -> Share {
        self.0.last().copied().unwrap_or(Share::BLUE)
    }
}

impl FromStr for Steps {
    type Err = BadSteps;

    fn from_str(text: &str) -> Result<Self, BadSteps> {
        let steps: Vec<Share> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
        match steps.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(BadSteps::Falling(pair[0], pair[1])),
            None => Ok(Steps(steps)),
        }
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.0.iter().map(|share| share.percent().to_string()).collect();
        write!(f, "{} %", steps.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// More than AWS's maximum: 999 for a target group, 255 for a record.
    const WEIGHT: std::ops::RangeInclusive<u32> = 0..=1000;

    proptest! {
        #[test]
        fn split_adds_up_and_reads_back(percent in 0u8..=100) {
            let share = Share::try_from(percent).unwrap();
            let split = share.split();
            prop_assert_eq!(split.blue + split.green, 100);
            prop_assert!(split.is_at(share));
            prop_assert_eq!(split.share(), Some(share));
        }

        #[test]
        fn weights_match_one_share_at_most(blue in WEIGHT, green in WEIGHT) {
            let split = Split { blue, green };
            let matching: Vec<_> = (0..=100).map(|n| Share::try_from(n).unwrap()).filter(|share| split.is_at(*share)).collect();
            match split.share() {
                None => prop_assert!(blue == 0 && green == 0 && matching.is_empty()),
                Some(share) => {
                    prop_assert!(matching.len() <= 1 && matching.iter().all(|same| *same == share));
                    // 0 % only if green's weight is zero.
                    prop_assert_eq!(share == Share::BLUE, green == 0);
                    let (exact, rounded) = (f64::from(green) * 100.0 / f64::from(blue + green), f64::from(share.percent()));
                    prop_assert!((exact - rounded).abs() < 1.0, "{} rounded to {}", exact, rounded);
                }
            }
        }

        #[test]
        fn shares_are_whole_percentages(number in -1000i64..1000) {
            let share = number.to_string().parse::<Share>();
            prop_assert_eq!(share.is_ok(), (0..=100).contains(&number));
            let text = format!("{number} %");
            prop_assert!(share.is_err() || share.unwrap().to_string() == text);
        }

        #[test]
        fn steps_must_rise(numbers in proptest::collection::vec(0u8..=110, 1..6)) {
            let text: Vec<_> = numbers.iter().map(u8::to_string).collect();
            let rising = numbers.windows(2).all(|pair| pair[0] < pair[1]) && numbers.iter().all(|number| *number <= 100);
            let steps = text.join(",").parse::<Steps>();
            prop_assert_eq!(steps.is_ok(), rising);
            prop_assert!(!rising || steps.unwrap().target().percent() == *numbers.last().unwrap());
        }
    }

    #[test]
    fn invalid_shares_and_steps_are_rejected() {
        for bad in ["", "-1", "101", "12.5", "half", "1e1", "%"] {
            let error = bad.parse::<Share>().unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")) && error.contains("0 to 100"), "{error}");
        }
        assert_eq!("30 %".parse(), Ok(Share(30)));
        assert!("5,25,25".parse::<Steps>().unwrap_err().to_string().starts_with("25 % can't follow 25 %"));
        assert!("5,,25".parse::<Steps>().is_err());
    }
}
