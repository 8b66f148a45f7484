//! `provisioner export`: systems as CloudFormation templates.

use crate::support::{Cli, Sandbox};

#[tokio::test]
async fn export_refuses_a_region_without_resources() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let arguments = ["export", "--format", "cloudformation", "--suffix", "dev1", "--region", "eu-west-9"];
    cli.run(&arguments).await.exits(1).explains("--region eu-west-9").explains("us-east-1, us-east-2");
    assert_eq!(sandbox.changes(), [""; 0]);
}
