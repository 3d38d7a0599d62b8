.PHONY: run demo test test-crash interop lint format build install schemas

# See it work: paper money, a folder of its own, nothing to set up.
run: demo
demo:
	cargo run --quiet -- demo

# Every test; needs no network beyond what cargo fetches, and no key.
test:
	cargo test --all-targets
	cargo test --doc

# Kills the binary at every step of a write and of a recovery, and at random (about a minute).
test-crash:
	cargo test --features crash-points --test crash_points --test crash_random

# Against other people's released programs, installed from PyPI into target/interop; needs Python 3.11 or newer.
# Ends with one line `N passed, 0 failed`. INTEROP_CASES=2000 makes it shorter; see tests/interop/README.md.
interop:
	tests/interop/run

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
format:
	cargo fmt

build:
	cargo build --release
# Puts `mandated` into cargo's bin folder, ~/.cargo/bin unless you moved it.
install:
	cargo install --locked --path .

# Writes the files under schemas/ anew from the code; the tests compare them.
schemas:
	UPDATE_SCHEMAS=1 cargo test --test mcp_schemas --test schemas_files
