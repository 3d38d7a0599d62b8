.PHONY: run demo test lint format build install
run: demo
demo:
	cargo run --quiet -- demo
build:
	cargo build --release
install:
	cargo install --locked --path .
test:
	cargo test --all-targets
	cargo test --doc
lint:
	cargo clippy --all-targets -- -D warnings
format:
	cargo fmt
