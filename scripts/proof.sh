#!/usr/bin/env bash
# Changes the program in small ways, one at a time, and asks the tests whether they notice.
#
#   scripts/proof.sh FLOOR      FLOOR is gate, state or broker
#
# PROOF_FILES   only these files, by glob, separated by spaces; every file of the floor otherwise
# PROOF_SHARD   1/8 to 8/8: one part of the changes
# PROOF_SKIP    tests left out, by parts of their names, where they are slow and not about these files
# PROOF_AGAIN   1: only what the run before left, after a test was added or where that run was cut short
#
# A floor is copied to target/proof/FLOOR together with the floors below it and none above, which builds in a
# fraction of the time; the changes are made there, never in this tree. Only the floor's own tests are asked.
# tests/proof.rs compares what they leave with tests/mutants.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
floor=${1:?gate, state or broker}
work=$root/target/proof/$floor
export CARGO_TARGET_DIR=$root/target/proof/build
# Nobody reads a backtrace of a change that was noticed.
export CARGO_PROFILE_DEV_DEBUG=false CARGO_PROFILE_TEST_DEBUG=false
export PROPTEST_CASES=${PROPTEST_CASES:-64}
PATH=$root/target/tools/bin:$PATH

globs="src/$floor.rs src/$floor/**/*.rs"
case $floor in
gate) floors=(domain gate) tests=('--test=gate_*') seconds=60 ;;
state) floors=(domain gate state) tests=(--lib '--test=state_*') seconds=90 ;;
broker) floors=(domain gate state venue sim broker) tests=(--test=write_path) seconds=300 ;;
*)
    echo "there is no floor \`$floor\` to prove: gate, state or broker" >&2
    exit 2
    ;;
esac
if [ "$floor" = gate ] && [ -e tests/properties ]; then tests+=(--test=properties); fi
if ! cargo mutants --version >/dev/null 2>&1; then
    echo "cargo-mutants is not installed: \`make tools\` installs it" >&2
    exit 1
fi

# Lays out the tree `$1` with the floors that follow. The copies are new to cargo, which would otherwise take the
# last change of the run before for them.
lay_out() {
    local tree=$1
    shift
    rm -rf "$tree"
    mkdir -p "$tree/src"
    cp -r Cargo.toml Cargo.lock tests schemas examples .cargo "$tree"
    local name part
    for name in "$@"; do
        for part in "src/$name" "src/$name.rs"; do
            if [ -e "$part" ]; then cp -r "$part" "$tree/src"; fi
        done
    done
    {
        echo '//! The floors that are proved, without those above.'
        for name in "$@"; do echo "pub mod $name;"; done
    } >"$tree/src/lib.rs"
    # `explain` is how the tests speak to the gate.
    mkdir -p "$tree/src/cli"
    cp -r src/cli/explain.rs src/cli/explain src/cli/out.rs "$tree/src/cli"
    cp tests/proof/explain_alone.rs "$tree/src/cli/mod.rs"
    echo 'pub mod cli;' >>"$tree/src/lib.rs"
}

# Tests in the tree that are not about the floor, or need a floor that is not there.
skipped=()
if [ "$floor" = state ]; then skipped+=(--skip domain:: --skip each_listed_point_stands); fi
for name in ${PROOF_SKIP:-}; do skipped+=(--skip "$name"); done

which=()
set -f
for glob in ${PROOF_FILES:-$globs}; do which+=(--file "$glob"); done
set +f
part=()
if [ -n "${PROOF_SHARD:-}" ]; then part+=(--shard "$((${PROOF_SHARD%/*} - 1))/${PROOF_SHARD#*/}"); fi

# The names of the changes in the list `$1`.
names_of() { sed -n 's/^    "name": "\(.*\)",\{0,1\}$/\1/p' "$1" | sed 's/\\\(["\\]\)/\1/g'; }

# What a test noticed and what does not build is done with; the rest of `tried.json` is left.
settle() {
    cat "$work"/mutants.out/{caught,unviable}.txt >>"$work/noticed.txt" 2>/dev/null || true
    cat "$work"/mutants.out/timeout.txt >>"$work/endless.txt" 2>/dev/null || true
    names_of "$work/tried.json" | { grep -vxFf "$work/noticed.txt" || true; } >"$work/left.txt"
}

# Tries what is left in the files that begin with `$1` within `$2` seconds each, by the tests that follow. What ran
# out of time once in this run would again.
ask() {
    local prefix=$1 limit=$2 one=() name status=0
    shift 2
    while read -r name; do
        one+=(--re "^$(sed 's/[][\\.*^$+?(){}|]/\\&/g' <<<"$name")\$")
    done < <(grep "^$prefix" "$work/left.txt" | grep -vxFf "$work/endless.txt" || true)
    if [ ${#one[@]} -eq 0 ]; then return; fi
    # A field that is left out passes every `--re`, in whatever file it is.
    for name in $(grep "^$prefix" "$work/left.txt" | cut -d: -f1 | sort -u); do one+=(--file "$name"); done
    (cd "$work/tree" && cargo mutants --in-place --output "$work" --timeout "$limit" --colors never \
        "${one[@]}" "$@") || status=$?
    settle
    # 2 and 3: something was missed or ran out of time, which the list decides about.
    if [ "$status" -ne 0 ] && [ "$status" -ne 2 ] && [ "$status" -ne 3 ]; then exit "$status"; fi
}

mkdir -p "$work"
began=$SECONDS
lay_out "$work/tree" "${floors[@]}"
# Every change there could be, for what has gone stale, and those of this run.
(cd "$work/tree" && cargo mutants --list --json --file 'src/**/*.rs') >"$work/all.json"
if [ -z "${PROOF_AGAIN:-}" ]; then
    (cd "$work/tree" && cargo mutants --list --json "${which[@]}" "${part[@]}") >"$work/tried.json"
    rm -rf "$work"/mutants.out* "$work/noticed.txt"
fi
touch "$work/noticed.txt"
settle
: >"$work/endless.txt"
moved=$(names_of "$work/all.json" | { grep -vxFf - "$work/left.txt" || true; })
if [ -n "$moved" ]; then
    echo "these lines have moved since; try their files anew with PROOF_FILES:" "$moved" >&2
    exit 2
fi
# Most changes are noticed by the tests beside them, in a fraction of the time that all of them take.
if [ "$floor" = state ]; then
    for file in $(cut -d: -f1 "$work/left.txt" | sort -u); do
        module=${file#src/state/}
        module=${module%%/*}
        ask "$file:" 20 --cargo-arg=--lib -- -- "state::${module%.rs}" "${skipped[@]}"
    done
fi
ask '' "$seconds" "${tests[@]/#/--cargo-arg=}" -- -- "${skipped[@]}"
echo "$floor: $(((SECONDS - began + 59) / 60)) minutes"
cd "$work/tree"
PROOF_RUN=$work cargo test --quiet --test proof -- --ignored
