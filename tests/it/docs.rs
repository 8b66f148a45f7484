//! The sample output and the figures of README.md and docs/, compared with a recorded run.
//!
//! `just record` runs the commands of all `console` blocks against a sandbox and writes their output to docs/recorded/.
//! Blocks `sh record` and hidden comments (`<!-- record:` … `-->`) are shell scripts that prepare the next command.

mod record;
mod resource_types;
mod samples;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::fargate;
use crate::support::Sandbox;
use crate::support::composition::{SUFFIX, compose};
use samples::{Sample, normalise, parse_page, parse_recording};

/// A page with `console` blocks, and the recording of their commands.
struct Page {
    path: PathBuf,
    recording: PathBuf,
}

impl Page {
    fn samples(&self) -> Vec<Sample> {
        parse_page(&read(&self.path)).into_iter().filter_map(samples::Part::sample).collect()
    }

    fn recorded(&self) -> Vec<Sample> {
        parse_recording(&read(&self.recording))
    }

    fn name(&self) -> String {
        self.path.file_stem().expect("a file").to_string_lossy().into_owned()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}; run `just record`", path.display()))
}

/// README.md and docs/*.md.
fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut all: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|suffix| suffix == "md")).collect();
    all.sort();
    all.insert(0, root().join("README.md"));
    all
}

/// The documents with `console` blocks.
fn pages() -> Vec<Page> {
    let with_samples = documents().into_iter().filter(|path| read(path).contains("\n```console\n"));
    with_samples
        .map(|path| {
            let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
            Page { path, recording: root().join("docs/recorded").join(format!("{name}.txt")) }
        })
        .collect()
}

#[test]
fn samples_match_the_recording() {
    let mut problems = Vec::new();
    for page in pages() {
        let (samples, recorded) = (page.samples(), page.recorded());
        let commands = |samples: &[Sample]| samples.iter().map(|sample| sample.command.clone()).collect::<Vec<_>>();
        if commands(&samples) != commands(&recorded) {
            problems.push(format!("{}: the commands have changed: run `just record`", page.name()));
            continue;
        }
        for (sample, recorded) in samples.iter().zip(&recorded) {
            let actual: BTreeSet<String> = recorded.output.iter().map(|line| normalise(line)).collect();
            for line in sample.output.iter().filter(|line| *line != "…") {
                if !actual.contains(&normalise(line)) {
                    problems.push(format!("{}: `{}` doesn't print: {line}", page.name(), sample.command));
                }
            }
            let is_complete = !sample.output.iter().any(|line| line == "…");
            if is_complete && sample.output.len() != recorded.output.len() {
                problems.push(format!("{}: `{}` prints more lines: add a line …", page.name(), sample.command));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn figures_match_the_recording() {
    let recorded: String = pages().iter().map(|page| read(&page.recording)).collect();
    let [actual_steps, actual_calls] = figures(&recorded);
    for document in documents() {
        let [steps, calls] = figures(&read(&document));
        for (number, actual) in steps.iter().map(|n| (n, &actual_steps)).chain(calls.iter().map(|n| (n, &actual_calls)))
        {
            assert!(actual.contains(number), "{}: {number} is in no recorded run", document.display());
        }
    }
}

/// The numbers of steps or resources, and of API calls, in a text.
fn figures(text: &str) -> [BTreeSet<u32>; 2] {
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    let words: Vec<&str> = text.split_whitespace().collect();
    for pair in words.windows(2) {
        let Ok(number) = pair[0].replace(',', "").parse::<u32>() else { continue };
        match pair[1].trim_matches(|char: char| !char.is_alphanumeric()) {
            "resources" | "steps" | "created" | "deleted" | "unchanged" => found[0].insert(number),
            "API" | "calls" => found[1].insert(number),
            _ => continue,
        };
    }
    found
}

#[tokio::test]
async fn recorded_steps_are_those_of_the_systems() {
    let created: BTreeMap<String, Vec<usize>> =
        pages().iter().map(|page| (page.name(), page.recorded().iter().filter_map(created_by).collect())).collect();
    let sandbox = Sandbox::fresh().await;
    let lambda_mysql = include_str!("../../docs/examples/lambda-mysql.toml");
    for (page, configuration) in [("README", lambda_mysql), ("fargate-postgres", fargate::PRODUCTION)] {
        let steps = compose(&sandbox, SUFFIX, configuration).await.steps.len();
        assert_eq!(created[page][0], steps, "{page}: run `just record`");
    }
}

/// The number of resources that the summary of a sample's output says were created.
fn created_by(sample: &Sample) -> Option<usize> {
    let summary = sample.output.iter().find(|line| line.contains(" created, "))?;
    summary.split(' ').next()?.parse().ok()
}
