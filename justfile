# What can be done here
default:
    @just --list

# Build the binary as it is shipped
build:
    cargo build --release --locked

# Install what the tests need, then run all of them; the arguments go to `cargo test`
test *arguments:
    ./test {{ arguments }}

# Kills the tool at every changing call of a system's life; goes on where target/kill-matrix/report.jsonl ends. Then once at
# each operation, followed by a destroy. Two hours
kill-matrix seed="1":
    KILL_MATRIX_SEED={{ seed }} cargo test --test it kill_matrix:: -- --ignored --nocapture --test-threads 1

# Whole lives of a system in which every fifth call fails, twenty of them or as many as said (`7-9`: these). Half an hour
chaos seeds="":
    CHAOS_SEEDS={{ seeds }} cargo test --test it chaos:: -- --ignored --nocapture --test-threads 1

# Looks for texts that the readers of configuration, state and journal take wrongly, each for so many seconds. Needs a C++ compiler, a nightly Rust
# (`rustup toolchain install nightly`) and cargo-fuzz (`cargo install cargo-fuzz`); the first build takes a quarter of an hour and 10 GB of memory
fuzz seconds="600":
    cp Cargo.lock fuzz/Cargo.lock
    export RUSTC_WRAPPER="$PWD/fuzz/rustc" && for target in config state journal; do \
      mkdir -p fuzz/corpus/$target && \
      cargo +nightly fuzz run --sanitizer none $target fuzz/corpus/$target fuzz/seeds/$target -- \
        -max_total_time={{ seconds }} -timeout=10 -print_final_stats=1 || exit 1; \
    done

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
