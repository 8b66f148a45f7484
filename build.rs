//! Cargo notices by itself when an embedded file changes, but not when one comes or goes.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=localstack/sandbox");
}
