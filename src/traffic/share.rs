//! How traffic is shared: the share of green that people ask for, and the weights that AWS has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The share of the requests that green serves, in whole percent, 0 to 100; blue serves the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Share(u8);

/// Why something is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no share of green: it takes a whole number of percent, 0 to 100")]
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

    /// The weights to write, to load balancers and to DNS alike: they add up to 100, so they are percents for whoever looks
    /// at them, are below the most that Elastic Load Balancing (999) and Route 53 (255) take, and are never both zero.
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

/// Two weights as AWS has them, relative to their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Of blue.
    pub blue: u32,
    /// Of green.
    pub green: u32,
}

impl Split {
    /// The share that green gets by these weights, rounded down to whole percent, but never down to nothing; `None` if both
    /// are zero: a load balancer then serves nobody, and Route 53 gives both the same.
    pub fn share(self) -> Option<Share> {
        let (green, total) = (u64::from(self.green), u64::from(self.blue) + u64::from(self.green));
        let percent = (green * 100).checked_div(total)?;
        let percent = if green > 0 { percent.max(1) } else { 0 };
        u8::try_from(percent).ok().map(Share)
    }

    /// True if green gets just this share by these weights, whatever their sum.
    pub fn is(self, share: Share) -> bool {
        let (blue, green) = (u64::from(self.blue), u64::from(self.green));
        let wanted = share.split();
        blue + green > 0 && green * u64::from(wanted.blue) == blue * u64::from(wanted.green)
    }

    /// True if green gets no more than this share by these weights. Two zeros are more than any: nobody decides who serves.
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

/// The shares of a shift, in the order in which they are taken: each more than the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Steps(Vec<Share>);

/// Why something is no list of steps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSteps {
    /// One of them is no share.
    #[error(transparent)]
    Share(#[from] BadShare),
    /// One isn't more than the one before.
    #[error(
        "{1} doesn't come after {0}: each step has to give green more; to take it back: `shift --green`, `failback`"
    )]
    Falling(Share, Share),
}

impl Steps {
    /// A single one.
    pub fn one(share: Share) -> Self {
        Steps(vec![share])
    }

    /// All of them.
    pub fn all(&self) -> &[Share] {
        &self.0
    }

    /// The last one: where it leads to.
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

    /// The most that AWS takes: 999 of a target group, 255 of a record. More than that is tried.
    const WEIGHT: std::ops::RangeInclusive<u32> = 0..=1000;

    proptest! {
        #[test]
        fn the_weights_of_a_share_add_up_and_read_back_as_the_share(percent in 0u8..=100) {
            let share = Share::try_from(percent).unwrap();
            let split = share.split();
            prop_assert_eq!(split.blue + split.green, 100);
            prop_assert!(split.is(share));
            prop_assert_eq!(split.share(), Some(share));
        }

        #[test]
        fn weights_are_just_one_share_or_between_two(blue in WEIGHT, green in WEIGHT) {
            let split = Split { blue, green };
            let exact: Vec<_> = (0..=100).map(|n| Share::try_from(n).unwrap()).filter(|share| split.is(*share)).collect();
            match split.share() {
                None => prop_assert!(blue == 0 && green == 0 && exact.is_empty()),
                Some(share) => {
                    prop_assert!(exact.len() <= 1 && exact.iter().all(|same| *same == share));
                    // Nothing is only said of nothing.
                    prop_assert_eq!(share == Share::BLUE, green == 0);
                    let (real, said) = (f64::from(green) * 100.0 / f64::from(blue + green), f64::from(share.percent()));
                    prop_assert!((real - said).abs() < 1.0, "{} is said of {}", said, real);
                }
            }
        }

        #[test]
        fn only_whole_percents_are_shares(number in -1000i64..1000) {
            let share = number.to_string().parse::<Share>();
            prop_assert_eq!(share.is_ok(), (0..=100).contains(&number));
            let said = format!("{number} %");
            prop_assert!(share.is_err() || share.unwrap().to_string() == said);
        }

        #[test]
        fn steps_rise(numbers in proptest::collection::vec(0u8..=110, 1..6)) {
            let text: Vec<_> = numbers.iter().map(u8::to_string).collect();
            let rising = numbers.windows(2).all(|pair| pair[0] < pair[1]) && numbers.iter().all(|number| *number <= 100);
            let steps = text.join(",").parse::<Steps>();
            prop_assert_eq!(steps.is_ok(), rising);
            prop_assert!(!rising || steps.unwrap().target().percent() == *numbers.last().unwrap());
        }
    }

    #[test]
    fn what_is_no_share_is_refused_in_words() {
        for bad in ["", "-1", "101", "12.5", "half", "1e1", "%"] {
            let error = bad.parse::<Share>().unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")) && error.contains("0 to 100"), "{error}");
        }
        assert_eq!("30 %".parse(), Ok(Share(30)));
        assert!("5,25,25".parse::<Steps>().unwrap_err().to_string().starts_with("25 % doesn't come after 25 %"));
        assert!("5,,25".parse::<Steps>().is_err());
    }
}
