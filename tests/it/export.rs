//! The systems as CloudFormation templates, judged by the linter that people have.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::server::installed;
use crate::support::{Cli, Sandbox};

/// Fails with what `cfn-lint` finds in these files unless there are no errors but of these rules: <https://github.com/aws-cloudformation/cfn-lint>.
pub async fn assert_lints(templates: &[PathBuf], but_for: &[&str]) {
    if templates.is_empty() {
        return;
    }
    // It comes with what the sandbox runs on.
    let mut lint = tokio::process::Command::new(&installed().await.python);
    lint.args(["-c", "import sys; from cfnlint.runner import main; sys.exit(main())"]);
    lint.args(["--non-zero-exit-code", "error", "--format", "parseable"]).args(templates);
    lint.args(but_for.iter().flat_map(|rule| ["--ignore-checks", rule]));
    let judged = lint.output().await.expect("cfn-lint runs");
    let said = String::from_utf8_lossy(&judged.stdout) + String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "cfn-lint finds:\n{said}");
}

#[tokio::test]
async fn linter_accepts_the_templates_of_all_systems() {
    let sandbox = Sandbox::fresh().await;
    for system in provisioner::systems::Systems::shipped().names() {
        let cli = Cli::new(&sandbox);
        cli.run(&["init", "--system", system]).await.ok();
        let mut regions = vec!["us-east-1".to_owned()];
        while let Some(region) = regions.pop() {
            let (known, file) =
                (["--suffix", "dev1", "--json", "--format", "cloudformation"], format!("{region}.json"));
            let arguments = [&["export", "--region", &region, "--out", &file], &known[..]].concat();
            let told = cli.run(&arguments).await.ok().events().pop().expect("a summary");
            let template = cli.folder().join(&file);
            // A stack takes 500 resources: a larger template is for linters, and to be divided.
            let is_large = told["resources"].as_u64().is_some_and(|resources| resources > 500);
            assert_lints(std::slice::from_ref(&template), if is_large { &["E3010"] } else { &[] }).await;
            let text = std::fs::read_to_string(&template).expect("a template");
            assert!(!text.contains('⟦'), "a reference is left in the template of {system} in {region}");
            let body: Value = serde_json::from_str(&text).expect("JSON");
            let listed = &body["Metadata"]["NotExpressed"];
            assert_eq!(listed.as_array().map(Vec::len), told["not_expressed"].as_array().map(Vec::len));
            let resources = told["resources"].as_u64().expect("a number");
            assert!((1..=600).contains(&resources), "{resources} resources in {region}");
            if region == "us-east-1" {
                regions.extend(
                    told["elsewhere"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned),
                );
            }
        }
    }
}

#[tokio::test]
async fn export_refuses_a_region_without_resources() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let arguments = ["export", "--format", "cloudformation", "--suffix", "dev1", "--region", "eu-west-9"];
    cli.run(&arguments).await.exits(1).explains("--region eu-west-9").explains("us-east-1, us-east-2");
    assert_eq!(sandbox.changes(), [""; 0]);
}
