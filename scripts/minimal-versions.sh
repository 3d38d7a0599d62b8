#!/usr/bin/env bash
# Builds with the lowest versions that Cargo.toml names, so that what it says is true. Only cargo's nightly can
# choose them; the compiler is the usual one. Nothing in this tree is changed.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "the lowest versions cannot be chosen: cargo's nightly is not installed (rustup toolchain install nightly)" >&2
    exit 1
fi
tree=$PWD/target/minimal-versions
rm -rf "$tree"
mkdir -p "$tree"
cp -rp Cargo.toml Cargo.lock build.rs src examples "$tree"
# Cargo.toml names the tests that need a feature.
mkdir -p "$tree/tests"
cp -p tests/crash_points.rs tests/crash_random.rs "$tree/tests"
cd "$tree"
export CARGO_TARGET_DIR=$tree/../minimal-versions-build
# The newest a lowest one may ask for must still build with the rust-version that Cargo.toml names.
cargo +nightly update --quiet -Z direct-minimal-versions
cargo check --locked --lib --bins
