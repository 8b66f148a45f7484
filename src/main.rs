use std::process::ExitCode;

use provisioner::systems::Systems;

fn main() -> ExitCode {
    provisioner::cli::run(Systems::shipped())
}
