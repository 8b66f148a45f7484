# List the recipes
default:
    @just --list

# Build the release binary
build:
    cargo build --release --locked

# Install missing test dependencies, then run all tests; the arguments go to `cargo test`
test *arguments:
    ./test {{ arguments }}

# Kill provisioner at every changing call, resuming at the end of target/kill-matrix/report.jsonl; then once at each
# operation, followed by a destroy. Two hours
kill-matrix seed="1":
    KILL_MATRIX_SEED={{ seed }} cargo test --test it kill_matrix:: -- --ignored --nocapture --test-threads 1

# Create, update and destroy a system while every fifth call fails: twenty seeds, or the given ones (`7-9`). Half an hour
chaos seeds="":
    CHAOS_SEEDS={{ seeds }} cargo test --test it chaos:: -- --ignored --nocapture --test-threads 1

# Fuzz the parsers of configuration, state and journal, each for the given seconds. Needs a C++ compiler, a nightly Rust
# (`rustup toolchain install nightly`) and cargo-fuzz (`cargo install cargo-fuzz`). The first build takes a quarter of an hour and 10 GB of memory
fuzz seconds="600":
    cp Cargo.lock fuzz/Cargo.lock
    export RUSTC_WRAPPER="$PWD/fuzz/rustc" && for target in config state journal; do \
      mkdir -p fuzz/corpus/$target && \
      cargo +nightly fuzz run --sanitizer none $target fuzz/corpus/$target fuzz/seeds/$target -- \
        -max_total_time={{ seconds }} -timeout=10 -print_final_stats=1 || exit 1; \
    done

# Run the commands of all `console` blocks in README and docs/ against a sandbox, and write their output to docs/recorded/.
# Then `cargo test docs::` lists the samples and figures to correct. Two minutes
record:
    cargo build --locked --example custom_system
    cargo test --locked --test it docs::record::record -- --ignored --exact --nocapture

# Generate docs/resource-types.md from the sources of the resource types
resource-types:
    cargo test --locked --test it docs::resource_types::write -- --ignored --exact

# Check formatting and lints, as in CI
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings

# Start, stop or reset the local AWS, or print its status
sandbox command="start" *arguments:
    cargo run --quiet -- sandbox {{ command }} {{ arguments }}

# Apply a whole system in the local AWS; the arguments go to `provisioner apply`
apply *arguments:
    cargo run --quiet -- --sandbox apply {{ arguments }}

# Open the documentation of the crate
docs:
    cargo doc --no-deps --document-private-items --open
