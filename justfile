# What can be done here
default:
    @just --list

# Build the binary as it is shipped
build:
    cargo build --release --locked

# Install what the tests need, then run all of them; the arguments go to `cargo test`
test *arguments:
    ./test {{ arguments }}

# Kills the tool at every changing call of a system's life; goes on where target/kill-matrix/report.jsonl ends. An hour
kill-matrix seed="1":
    KILL_MATRIX_SEED={{ seed }} cargo test --test it kill_matrix::the_whole_matrix -- --ignored --nocapture

# Whole lives of a system in which every fifth call fails, twenty of them or as many as said (`7-9`: these). Half an hour
chaos seeds="":
    CHAOS_SEEDS={{ seeds }} cargo test --test it chaos:: -- --ignored --nocapture --test-threads 1

# Formatting and lints, as in CI
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings

# The local AWS: start, stop, status or reset
sandbox command="start" *arguments:
    cargo run --quiet -- sandbox {{ command }} {{ arguments }}

# Build a whole system in the local AWS; the arguments go to `provisioner apply`
apply *arguments:
    cargo run --quiet -- --sandbox apply {{ arguments }}

# The documentation of the crate
docs:
    cargo doc --no-deps --document-private-items --open
