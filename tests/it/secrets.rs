//! Secrets stay in memory. The secret values in AWS after a run are the canaries: none of them may appear in files or
//! output of a run, whether it succeeds, fails or is killed.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use serde_json::Value;

use crate::support::wait::wait_for;
use crate::support::{Cli, Fault, Sandbox};

const SUFFIX: &str = "secret1";
/// No private key may be written down, whichever it is.
const PRIVATE_KEY: &str = "PRIVATE KEY";
/// Three secrets and two encrypted parameters in each environment.
const CANARIES: usize = 10;
const PATIENCE: Duration = Duration::from_secs(120);

/// All secret values, old versions included, as AWS holds them.
const READ: &str = r#"
import boto3, json
from botocore.exceptions import ClientError
values = []
secrets = boto3.client('secretsmanager')
for secret in secrets.get_paginator('list_secrets').paginate().build_full_result()['SecretList']:
    for stage in ('AWSCURRENT', 'AWSPREVIOUS', 'AWSPENDING'):
        try:
            text = secrets.get_secret_value(SecretId=secret['ARN'], VersionStage=stage)['SecretString']
        except ClientError:
            continue
        content = json.loads(text)
        values += [content[name] for name in ('password', 'value') if name in content]
parameters = boto3.client('ssm')
for page in parameters.get_paginator('describe_parameters').paginate():
    for one in page['Parameters']:
        if one['Type'] == 'SecureString':
            values.append(parameters.get_parameter(Name=one['Name'], WithDecryption=True)['Parameter']['Value'])
print(json.dumps(sorted(set(values))))
"#;

/// Output or a file of a run: its name and text.
type Trace = (String, String);

/// The forms in which a secret could be written down.
fn forms(secret: &str) -> BTreeSet<String> {
    let percent = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) { c.to_string() } else { format!("%{:02X}", c as u32) }
    };
    let json = Value::from(secret).to_string();
    let bytes = secret.as_bytes();
    BTreeSet::from([
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        secret.chars().map(percent).collect(),
        // In front of other text base64 lines up the same; its last group may not.
        BASE64_STANDARD.encode(bytes),
        BASE64_STANDARD_NO_PAD.encode(&bytes[..bytes.len() / 3 * 3]),
        format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
    ])
}

/// Where the first secret is found, if one is; in which form, but never which one.
fn leak(traces: &[Trace], canaries: &BTreeSet<String>) -> Option<String> {
    let place = |name: &str, text: &str, at: usize| {
        let line = text[..at].matches('\n').count() + 1;
        let start = text[..at].char_indices().rev().nth(200).map_or(0, |(start, _)| start);
        format!("{name}, line {line}, after: {}", &text[start..at])
    };
    let forms: Vec<String> = canaries.iter().flat_map(|canary| forms(canary)).collect();
    traces.iter().find_map(|(name, text)| {
        let sought = forms.iter().map(String::as_str).chain([PRIVATE_KEY]);
        sought.filter_map(|form| text.find(form)).next().map(|at| place(name, text, at))
    })
}

/// The files of the state folder, earlier generations included, with their rights.
fn files(folder: &Path) -> Vec<(String, u32, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("the state folder can be read") {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            found.push((path.strip_prefix(folder).unwrap().display().to_string(), mode, text));
        }
    }
    found.retain(|(name, ..)| name.starts_with(SUFFIX));
    found
}

/// The output of a run without its log, which is long here.
fn without_log(stdout: &str, stderr: &str) -> String {
    let said = stdout.lines().chain(stderr.lines()).filter(|line| !line.contains("provisioner::"));
    said.map(|line| format!("{line}\n")).collect()
}

struct Watched {
    sandbox: Sandbox,
    cli: Cli,
    traces: Vec<Trace>,
    canaries: BTreeSet<String>,
}

impl Watched {
    /// Runs a command with trace logs, and keeps its output and files.
    async fn run(&mut self, arguments: &[&str], code: i32) {
        let arguments = [arguments, &["--suffix", SUFFIX]].concat();
        let run = self.cli.run(&arguments).await;
        assert_eq!(run.code, Some(code), "`{arguments:?}`: {}", without_log(&run.stdout, &run.stderr));
        // Were nothing logged, nothing could be found.
        let local = arguments[0] == "output";
        assert!(local || run.stderr.contains("provisioner::aws"), "`{arguments:?}` logs no call");
        self.keep(&arguments.join(" "), run.stdout, run.stderr).await;
    }

    async fn keep(&mut self, what: &str, stdout: String, stderr: String) {
        self.traces.extend([(format!("stdout of {what}"), stdout), (format!("stderr of {what}"), stderr)]);
        for (name, mode, text) in files(&self.cli.state_folder()) {
            assert_eq!(mode & 0o077, 0, "others can read {name} after {what}: {mode:o}");
            self.traces.push((format!("{name} after {what}"), text));
        }
        // Read again after each run: a value that was replaced meanwhile was secret all the same.
        let values = self.sandbox.python(READ).await;
        let values: Vec<String> = serde_json::from_value(values).expect("a list of texts");
        assert!(values.iter().all(|value| value.len() >= 24), "a canary is too short to be told from other text");
        self.canaries.extend(values);
    }
}

#[tokio::test]
async fn no_secret_appears_in_files_or_output() {
    let sandbox = Sandbox::fresh().await;
    let mut cli = Cli::new(&sandbox);
    cli.set("RUST_LOG", "trace");
    let mut watched = Watched { sandbox, cli, traces: Vec::new(), canaries: BTreeSet::new() };

    // Killed: the run leaves only its journal, and has created secrets by then.
    let started = watched.cli.start(&["apply", "--suffix", SUFFIX]);
    let journal = watched.cli.state_folder().join(format!("{SUFFIX}.journal"));
    let has = |text: &str, event: &str, step: &str| {
        text.lines().any(|line| line.contains(&format!("\"event\":\"{event}\"")) && line.contains(step))
    };
    let far_enough = wait_for(PATIENCE, || {
        let text = std::fs::read_to_string(&journal).unwrap_or_default();
        let made = ["database-secret", "api-key-secret", "encryption-key-secret"];
        let made = made.iter().all(|step| has(&text, "done", &format!("{step}\"")));
        (made && has(&text, "intent", "database/cluster\"")).then_some(())
    });
    far_enough.await.expect("the run makes secrets and begins with a cluster");
    started.kill();
    let killed = started.finish().await;
    assert_eq!(killed.code, None);
    assert!(journal.exists(), "a killed run leaves its journal");
    watched.keep("a killed apply", killed.stdout, killed.stderr).await;
    assert!(watched.canaries.len() >= 3, "only {} secrets were made", watched.canaries.len());

    // Failed: errors are traces too. These calls carry secrets.
    for (service, operation) in [("ssm", "PutParameter"), ("rds", "CreateDBCluster"), ("acm", "ImportCertificate")] {
        watched.sandbox.inject(&Fault::new(service, operation, "ValidationException").forever());
    }
    watched.run(&["apply"], 1).await;
    watched.sandbox.clear_faults();

    // Succeeded, with JSON logs and JSON events.
    watched.run(&["apply", "--json", "--log-format", "json"], 0).await;
    assert!(watched.canaries.len() >= CANARIES, "only {} secrets were made", watched.canaries.len());

    // Read, and changed: the rotation and the database's capacity.
    watched.run(&["plan", "--json", "--log-format", "json"], 0).await;
    watched.run(&["status"], 0).await;
    watched.run(&["status", "--json"], 0).await;
    watched.run(&["output"], 0).await;
    watched.run(&["graph"], 0).await;
    watched.cli.configure("[secrets]\nrotation_days = 60\n[database]\nmax_acu = 8\n");
    watched.run(&["plan"], 0).await;
    watched.run(&["apply", "--json"], 0).await;
    let state = files(&watched.cli.state_folder()).into_iter().find(|(name, ..)| *name == format!("{SUFFIX}.json"));
    assert_eq!(state.map(|(_, mode, _)| mode), Some(0o600));
    watched.run(&["destroy", "--yes", "--json", "--log-format", "json"], 0).await;

    assert_eq!(leak(&watched.traces, &watched.canaries), None);
}

#[test]
fn canary_secret_is_found_in_every_encoding() {
    let secret = "correct+horse/battery\"staple=0123";
    let canaries = BTreeSet::from([secret.to_owned()]);
    let encoded = BASE64_STANDARD.encode(format!("{secret} and more"));
    for text in [
        format!("password: {secret}"),
        serde_json::json!({ "password": secret }).to_string(),
        "MasterUserPassword=correct%2Bhorse%2Fbattery%22staple%3D0123&Engine=x".to_owned(),
        format!("body {encoded}"),
        format!("{:?}", secret.as_bytes()),
    ] {
        let traces = [("a trace".to_owned(), text.clone())];
        assert!(leak(&traces, &canaries).is_some(), "not found in {text}");
    }
    let marker = [("a trace".to_owned(), "-----BEGIN EC PRIVATE KEY-----".to_owned())];
    assert!(leak(&marker, &canaries).is_some());
    assert_eq!(leak(&[("a trace".to_owned(), "password: ********".to_owned())], &canaries), None);
}
