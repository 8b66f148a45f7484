//! Names for the resources of calls that are the same in every run.
//!
//! AWS's ids, tokens and timestamps differ each time. An id is therefore named after the call that created it, and an unknown
//! one is a star.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::call::{Asked, Call};
use super::{parameters, xml};

/// The sandbox's account: the one long number that is no id.
const ACCOUNT: &str = "123456789012";
/// The readable length of a subject; a hash distinguishes longer ones.
const READABLE: usize = 100;

/// The known ids and their names.
#[derive(Default)]
pub struct Names {
    named: HashMap<String, String>,
    seen: HashSet<String>,
}

impl Names {
    /// The resource of a request: the step in its tags, else its fields with each id replaced by its name.
    pub fn subject(&mut self, asked: &Asked, call: &Call) -> String {
        let said = parameters::of(asked, call.protocol);
        // The contents of a bucket differ in each run.
        let is_emptying = call.operation == "DeleteObjects";
        let mut lines: Vec<String> = said
            .iter()
            .filter(|(name, value)| !(value.is_empty() || is_emptying && name == "body"))
            .map(|(name, value)| {
                self.see(value);
                let name = name.split('.').map(|part| if part.parse::<u32>().is_ok() { "*" } else { part });
                format!("{}={}", name.collect::<Vec<_>>().join("."), self.clean(value))
            })
            .collect();
        if let Some(step) = parameters::step(&said, asked, call.protocol) {
            return step;
        }
        // Maps have no order; short values say most.
        lines.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        let text = lines.join(" ");
        if text.chars().count() <= READABLE {
            return text;
        }
        let start: String = text.chars().take(READABLE).collect();
        format!("{start}… #{:08x}", hash(&text))
    }

    /// Takes in what AWS answered to a change: what was never seen before is called by this call from now on. Gives the new
    /// ids and ARNs.
    pub fn learn(&mut self, call: &Call, answer: &str) -> Vec<String> {
        let subject = call.key.splitn(3, ' ').nth(2).unwrap_or_default();
        let of = if subject.contains(' ') { format!("#{:08x}", hash(subject)) } else { subject.to_owned() };
        let mut new = Vec::new();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        for range in ids(answer).filter(|range| names_something(&answer[range.clone()])) {
            let id = &answer[range.clone()];
            // The zone of AWS's own names is the same for all.
            if answer[..range.start].ends_with("HostedZoneId>") {
                continue;
            }
            if self.seen.insert(id.to_owned()) {
                let number = numbers.entry(kind(answer, range.start)).or_default();
                *number += 1;
                self.named.insert(id.to_owned(), format!("<{of} {number}>"));
                new.push(id.to_owned());
            }
        }
        for arn in arns(answer) {
            if self.seen.insert(arn.to_owned()) {
                new.push(arn.to_owned());
            }
        }
        new
    }

    /// Reads the response of a read: what AWS creates along with a named resource is named after that one. The default network ACL of a VPC, and the association that puts a subnet into it.
    pub fn read(&mut self, answer: &str) {
        for entry in xml::entries(answer) {
            let of =
                ids(&entry).filter_map(|range| self.named.get(&entry[range])).cloned().collect::<Vec<_>>().join(" ");
            if of.is_empty() {
                continue;
            }
            for id in ids(&entry).map(|range| &entry[range]).filter(|id| names_something(id)) {
                if !self.named.contains_key(id) {
                    self.named.insert(id.to_owned(), format!("<with {of}>"));
                }
            }
        }
    }

    /// The tool knows these ids.
    fn see(&mut self, text: &str) {
        for range in ids(text) {
            if !self.seen.contains(&text[range.clone()]) {
                self.seen.insert(text[range].to_owned());
            }
        }
        for arn in arns(text) {
            if !self.seen.contains(arn) {
                self.seen.insert(arn.to_owned());
            }
        }
    }

    /// The text with names and stars in the place of ids.
    fn clean(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        for range in ids(text) {
            clean.push_str(&text[at..range.start]);
            clean.push_str(self.named.get(&text[range.clone()]).map_or("*", String::as_str));
            at = range.end;
        }
        clean.push_str(&text[at..]);
        clean
    }
}

fn hash(text: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish() as u32
}

/// The text before an id: `vpc-`, or the end of a field's name.
fn kind(text: &str, start: usize) -> &str {
    const LONGEST: usize = 12;
    let from = (start.saturating_sub(LONGEST)..=start).find(|at| text.is_char_boundary(*at));
    &text[from.unwrap_or(start)..start]
}

/// Where the text has what looks like an id: `0123456789abcdef0` of `vpc-0123456789abcdef0`, a UUID, a token, a timestamp,
/// the six random letters at the end of a secret's ARN, a port of this machine.
fn ids(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let start = at + text[at..].find(|c: char| c.is_ascii_alphanumeric())?;
            if let Some(length) = uuid(&text[start..]).or_else(|| time(&text[start..])) {
                at = start + length;
                return Some(start..at);
            }
            let run = text[start..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len() - start);
            at = start + run;
            if is_id(&text[start..at]) || ends_secret(text, start, at) || text[..start].ends_with("127.0.0.1:") {
                return Some(start..at);
            }
        }
        None
    })
}

/// Not a time, not a port.
fn names_something(id: &str) -> bool {
    time(id).is_none() && id.len() > "65535".len()
}

fn is_id(run: &str) -> bool {
    let has = |wanted: fn(&u8) -> bool| run.bytes().any(|byte| wanted(&byte));
    let is_hex = run.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let (digits, letters) = (has(u8::is_ascii_digit), has(u8::is_ascii_alphabetic));
    digits && run != ACCOUNT && ((run.len() >= 8 && (is_hex || !letters)) || (run.len() >= 10 && letters))
}

/// `-AbCdEf` after `:secret:name`.
fn ends_secret(text: &str, start: usize, end: usize) -> bool {
    if end - start != 6 || !text[..start].ends_with('-') {
        return false;
    }
    let before = text[..start].rsplit(|c: char| !(c.is_ascii_alphanumeric() || "-_/:.+=@".contains(c))).next();
    before.is_some_and(|arn| arn.starts_with("arn:") && arn.contains(":secret:"))
}

/// The length of the UUID that the text starts with.
fn uuid(text: &str) -> Option<usize> {
    const LENGTH: usize = 36;
    let start = text.as_bytes().get(..LENGTH)?;
    let fits = start.iter().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    fits.then_some(LENGTH)
}

/// The length of the time that the text starts with: `2026-01-31`, with what follows of hours and seconds.
fn time(text: &str) -> Option<usize> {
    let day = text.as_bytes().get(..10)?;
    let fits = day.iter().enumerate().all(|(index, byte)| match index {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let goes_on = |c: char| c.is_ascii_digit() || "-:.TZ".contains(c);
    fits.then(|| text.find(|c| !goes_on(c)).unwrap_or(text.len()))
}

/// All ARNs in a text.
fn arns(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices("arn:aws").map(|(start, _)| &text[start..]);
    let end = |c: char| !(c.is_ascii_alphanumeric() || "-_/:.+=@*".contains(c));
    starts.map(move |arn| &arn[..arn.find(end).unwrap_or(arn.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tokens_and_times_are_not_names() {
        for (text, found) in [
            ("vpc-0a1b2c3d4e5f60718", "0a1b2c3d4e5f60718"),
            ("key/1b3c9d50-7a77-4b8e-9a6f-0f4a3c1d2e5b", "1b3c9d50-7a77-4b8e-9a6f-0f4a3c1d2e5b"),
            ("/hostedzone/Z0A1B2C3D4E5F6G7H8", "Z0A1B2C3D4E5F6G7H8"),
            ("20260101T120000Z", "20260101T120000Z"),
            ("logs/2026-01-01-12-00-00", "2026-01-01-12-00-00"),
            ("http://127.0.0.1:4566/123456789012/orders", "4566"),
            ("arn:aws:secretsmanager:us-east-1:123456789012:secret:db-blue-dev1-aBcDeF", "aBcDeF"),
        ] {
            assert_eq!(ids(text).map(|range| &text[range]).collect::<Vec<_>>(), [found], "{text}");
        }
        for text in
            ["blue/network/subnet-private-a", "123456789012", "aurora-recovery-blue-dev1", "db-blue-aBcDeF", "é"]
        {
            assert_eq!(ids(text).count(), 0, "{text}");
        }
    }
}
