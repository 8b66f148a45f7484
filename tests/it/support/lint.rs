//! CloudFormation templates, checked by `cfn-lint`.

use std::path::PathBuf;

use super::server::installed;

/// Fails with what `cfn-lint` finds in these files unless there are no errors except of these rules:
/// <https://github.com/aws-cloudformation/cfn-lint>.
pub async fn assert_lints(templates: &[PathBuf], except: &[&str]) {
    if templates.is_empty() {
        return;
    }
    // It is installed with the sandbox's Python.
    let mut lint = tokio::process::Command::new(&installed().await.python);
    lint.args(["-c", "import sys; from cfnlint.runner import main; sys.exit(main())"]);
    lint.args(["--non-zero-exit-code", "error", "--format", "parseable"]).args(templates);
    lint.args(except.iter().flat_map(|rule| ["--ignore-checks", rule]));
    let output = lint.output().await.expect("cfn-lint runs");
    let found = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cfn-lint finds:\n{found}");
}
