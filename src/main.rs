use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    provisioner::cli::run().await
}
