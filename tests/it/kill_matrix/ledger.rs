//! The report of the whole matrix: one JSON line per point, and which points are left.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::task::JoinError;

use super::kills::{Claims, Kills, Phase, Point};
use crate::support::proxy::Moment;

const WELL: &str = "well";

/// One line: a point and its result.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    phase: Phase,
    moment: String,
    key: String,
    seed: u64,
    /// The number of the life: the points of one life were checked together.
    life: usize,
    /// `well`, or the error and the file with the whole output.
    went: String,
}

/// The report and its points.
pub struct Ledger {
    path: PathBuf,
    seed: u64,
    claims: Claims,
    lines: Mutex<Vec<Line>>,
}

impl Ledger {
    /// Opens this report or starts it. Failed points are tried again.
    pub fn open(path: &Path, seed: u64) -> Self {
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("the folder of the report");
        let text = fs::read_to_string(path).unwrap_or_default();
        // The point of a truncated last line is tried again.
        let lines: Vec<Line> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let well: Vec<Line> = lines.into_iter().filter(|line| line.went == WELL).collect();
        let text: String = well.iter().map(text_of).collect();
        fs::write(path, text).expect("the report can be written");
        let done =
            well.iter().map(|line| Point { phase: line.phase, key: line.key.clone(), moment: moment(&line.moment) });
        let claims = Arc::new(Mutex::new(done.collect()));
        Ledger { path: path.to_owned(), seed, claims, lines: Mutex::new(well) }
    }

    /// The points that are done or in progress.
    pub fn claims(&self) -> Claims {
        self.claims.clone()
    }

    /// Records the results of a life. After a panic the results of its points are unknown: all but the last are tried again.
    pub fn record(&self, kills: &Kills, panicked: Option<String>) {
        let mut lines = self.lines.lock().expect("no panic holds this lock");
        let life = lines.iter().map(|line| line.life).max().unwrap_or(0) + 1;
        let mut wrong: BTreeMap<Point, String> = BTreeMap::new();
        for (point, said) in kills.blamed() {
            wrong.entry(point).or_default().push_str(&said);
        }
        let points = kills.points();
        if let (Some(said), Some(last)) = (&panicked, points.last()) {
            wrong.entry(last.clone()).or_default().push_str(said);
        }
        for point in points {
            let went = match wrong.remove(&point) {
                Some(said) => self.keep(&said, life, lines.len()),
                None if panicked.is_some() => {
                    self.claims.lock().expect("no panic holds this lock").remove(&point);
                    continue;
                }
                None => WELL.to_owned(),
            };
            let moment = format!("{:?}", point.moment);
            let line = Line { phase: point.phase, moment, key: point.key, seed: self.seed, life, went };
            let mut file = File::options().append(true).open(&self.path).expect("the report");
            file.write_all(text_of(&line).as_bytes()).expect("the report can be written");
            lines.push(line);
        }
    }

    /// Writes the output to a file beside the report; returns its beginning and the path.
    fn keep(&self, said: &str, life: usize, line: usize) -> String {
        let file = self.path.with_file_name(format!("trouble-{life}-{line}.txt"));
        fs::write(&file, said).expect("what was said can be written");
        let start: String = said.chars().take(200).collect();
        format!("{start} … see {}", file.display())
    }

    /// This many points at other moments than the one before an answer, by the seed.
    pub fn others(&self, count: usize) -> BTreeMap<(Phase, String), Moment> {
        let lines = self.lines.lock().expect("no panic holds this lock");
        let dice = |line: &Line| {
            let mut hasher = DefaultHasher::new();
            (self.seed, line.phase as u8, &line.key).hash(&mut hasher);
            hasher.finish()
        };
        let known = lines.iter().filter(|line| line.moment == format!("{:?}", Moment::BeforeAnswer));
        let mut known: Vec<(u64, &Line)> = known.map(|line| (dice(line), line)).collect();
        known.sort_by_key(|(dice, _)| *dice);
        let moment = |dice: u64| if dice.is_multiple_of(2) { Moment::BeforeSend } else { Moment::AfterAnswer };
        let chosen = known.into_iter().take(count);
        chosen.map(|(dice, line)| ((line.phase, line.key.clone()), moment(dice))).collect()
    }

    /// All errors.
    pub fn troubles(&self) -> BTreeSet<String> {
        let lines = self.lines.lock().expect("no panic holds this lock");
        let wrong = lines.iter().filter(|line| line.went != WELL);
        wrong.map(|line| format!("{:?} {} {}: {}", line.phase, line.moment, line.key, line.went)).collect()
    }

    /// The number of points per phase and moment, and how many of them are well.
    pub fn summary(&self) -> String {
        let mut counts: BTreeMap<(Phase, String), (usize, usize)> = BTreeMap::new();
        for line in self.lines.lock().expect("no panic holds this lock").iter() {
            let count = counts.entry((line.phase, line.moment.clone())).or_default();
            count.0 += 1;
            count.1 += usize::from(line.went == WELL);
        }
        counts.into_iter().fold(String::new(), |mut text, ((phase, moment), (all, well))| {
            let _ = write!(text, "{phase:?} {moment} {well} of {all} well; ");
            text
        })
    }
}

/// The message of a panic.
pub fn panic_message(error: JoinError) -> String {
    let panic = error.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn text_of(line: &Line) -> String {
    serde_json::to_string(line).expect("plain data") + "\n"
}

fn moment(name: &str) -> Moment {
    let all = [Moment::BeforeSend, Moment::BeforeAnswer, Moment::AfterAnswer];
    all.into_iter().find(|moment| format!("{moment:?}") == name).unwrap_or_else(|| panic!("no moment {name:?}"))
}
