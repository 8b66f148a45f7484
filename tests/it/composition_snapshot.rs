//! What the shipped systems are composed of, pinned: step ids, names, specs and templates. A change here changes what
//! exists in people's accounts, so it must be intended. `UPDATE_SNAPSHOTS=1 cargo test --test it composition_snapshot`
//! rewrites the files; their diff then shows which steps and resources change.

use std::fmt::Write;
use std::path::PathBuf;

use provisioner::cloudformation::Export;
use provisioner::engine::graph::Graph;
use provisioner::resources::registry::Types;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::composition::{ACCOUNT, Composition, name};
use crate::support::compositions::{fargate_postgres, lambda_mysql};

#[tokio::test]
async fn lambda_mysql_composition_is_unchanged() {
    let systems = lambda_mysql().await;
    check("lambda-mysql", &systems.default);
    check("lambda-mysql-single-nat", &systems.single_nat);
    check("lambda-mysql-protected", &systems.protected);
}

#[tokio::test]
async fn fargate_postgres_composition_is_unchanged() {
    let systems = fargate_postgres().await;
    check("fargate-postgres", &systems.default);
    check("fargate-postgres-complete", &systems.complete);
    check("fargate-postgres-protected", &systems.protected);
    check("fargate-postgres-staging", &systems.staging);
}

fn check(title: &str, composition: &Composition) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(format!("{title}.txt"));
    let actual = snapshot(composition);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for snapshots");
        std::fs::write(&path, &actual).expect("a writable snapshot");
    }
    let expected = std::fs::read_to_string(&path).expect("a snapshot");
    let differing: Vec<_> = lines_only_in(&expected, &actual).map(|line| format!("- {line}")).collect();
    let added: Vec<_> = lines_only_in(&actual, &expected).map(|line| format!("+ {line}")).collect();
    assert!(differing.is_empty() && added.is_empty(), "{title}:\n{}\n{}", differing.join("\n"), added.join("\n"));
}

fn lines_only_in<'a>(text: &'a str, other: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter(move |line| !other.lines().any(|it| it == *line))
}

/// A line a step, a line an output, a line a resource of each region's template.
fn snapshot(composition: &Composition) -> String {
    let mut text = String::new();
    let mut steps: Vec<_> = composition.steps.iter().collect();
    steps.sort_by(|a, b| a.id.cmp(&b.id));
    for step in steps {
        let known = serde_json::json!([step.spec, step.tags, step.after.keys().collect::<Vec<_>>(), step.shared]);
        let (id, kind, region) = (&step.id, step.kind, &step.region);
        writeln!(text, "step {id} {kind} {region} {} {}", name(step).unwrap_or("-"), hash(known)).expect("text");
    }
    for (key, value) in &composition.outputs {
        writeln!(text, "output {key} {value}").expect("text");
    }
    let graph = Graph::new(composition.steps.clone()).expect("a graph");
    let export = Export {
        title: composition.system,
        account: ACCOUNT,
        partition: "aws",
        graph: &graph,
        outputs: &composition.outputs,
        types: &Types::shipped(),
    };
    for region in export.regions() {
        let body = export.template(region).expect("a template").body;
        for section in ["Parameters", "Resources", "Outputs"] {
            for (id, value) in body[section].as_object().into_iter().flatten() {
                let mut value = value.clone();
                if section == "Parameters" {
                    // For people, so not pinned.
                    value.as_object_mut().expect("a parameter").remove("Description");
                }
                writeln!(text, "template {region} {section} {id} {}", hash(value)).expect("text");
            }
        }
    }
    text
}

/// A short hash of a value. The hash of a function's code is left out: its source may change.
fn hash(mut value: Value) -> String {
    forget_code(&mut value);
    let digest = Sha256::digest(value.to_string());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn forget_code(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("source") {
                fields.remove("sha256");
            }
            fields.values_mut().for_each(forget_code);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_code),
        _ => {}
    }
}
