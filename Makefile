.PHONY: run demo test test-crash fuzz bench bench-check proof lint format build static install schemas tools deny \
	advisories minimal-versions interop

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

# Feeds sixteen readers of foreign bytes with what they never saw, FUZZ_SECONDS for each: arguments and lines of
# `explain`; mandate, policy, HALT, http token; chain, counter, orders in flight and settled, claim and receipt of a
# sweep; the exchange's answers and lists; faults and recorded prices of the paper exchange. Needs a nightly compiler; no
# sanitizer, because there is no unsafe code to watch. What is new goes to target/fuzz, a find to fuzz/artifacts.
FUZZ_SECONDS ?= 30
FUZZ_TARGETS ?= $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))
fuzz: target/tools/bin/cargo-fuzz
	for target in $(FUZZ_TARGETS); do \
		mkdir -p target/fuzz/$$target; \
		PATH="$(CURDIR)/target/tools/bin:$$PATH" cargo +nightly fuzz run --sanitizer none $$target target/fuzz/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 || exit 1; \
	done
# Changes the program in small ways and asks the tests whether they notice: hours for all of it. Narrower:
# `make proof PROOF_FLOORS=gate`, PROOF_FILES="src/gate/caps.rs", PROOF_SHARD=1/8, PROOF_AGAIN=1.
PROOF_FLOORS = gate state broker exits
export PROOF_FILES PROOF_SHARD PROOF_SKIP PROOF_TESTS PROOF_APART PROOF_AGAIN
proof: target/tools/bin/cargo-mutants
	set -e; for floor in $(PROOF_FLOORS); do scripts/proof.sh $$floor; done
# Against other people's released programs, installed from PyPI and npm into target/interop; needs Python 3.11 or newer.
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
# The same for any Linux of this processor: nothing is loaded at its start.
static:
	scripts/static.sh
# Puts `mandated` into cargo's bin folder, ~/.cargo/bin unless you moved it.
install:
	cargo install --locked --path .

# Writes the files under schemas/ anew from the code; the tests compare them.
schemas:
	UPDATE_SCHEMAS=1 cargo test --test mcp_schemas --test schemas_files

# Measures every budget on this machine, peers beside it: a table, and target/bench/report.json (benches/README.md).
# BENCH_PEERS=0 leaves the peers out. A higher priority is asked for and, where it is not allowed, done without.
bench:
	cargo bench --no-run
	nice -n -5 cargo bench --bench processes
	nice -n -5 cargo bench --bench pure
# Counts instructions under valgrind and fails where one is more than 5 % above benches/instructions.json.
bench-check:
	cargo bench --bench processes -- --check
# What the checks below, `make fuzz` and `make proof` need beside cargo, into target/tools; they fetch it themselves.
TOOLS = target/tools/bin
tools: $(TOOLS)/cargo-deny $(TOOLS)/cargo-fuzz $(TOOLS)/cargo-mutants
$(TOOLS)/cargo-deny: VERSION = 0.20.2
$(TOOLS)/cargo-fuzz: VERSION = 0.13.2
$(TOOLS)/cargo-mutants: VERSION = 27.1.0
$(TOOLS)/cargo-%:
	cargo install --quiet --locked --debug --root target/tools cargo-$*@$(VERSION)

# Licences, banned and doubled crates, sources: needs no network once the crates are here.
deny: $(TOOLS)/cargo-deny
	cargo fetch --locked
	PATH="$(CURDIR)/$(TOOLS):$$PATH" cargo deny --offline --locked check licenses bans sources
# Known holes in what is built in; fetches the RustSec database, so it needs the network.
advisories: $(TOOLS)/cargo-deny
	PATH="$(CURDIR)/$(TOOLS):$$PATH" cargo deny --locked check advisories

# Builds with the lowest versions that Cargo.toml names; needs cargo's nightly to choose them.
minimal-versions:
	scripts/minimal-versions.sh
