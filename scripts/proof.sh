#!/usr/bin/env bash
# Changes the program in small ways, one at a time, and asks the tests whether they notice.
#
#   scripts/proof.sh FLOOR      FLOOR is gate, state, broker or exits, which is the broker's way out
#
# PROOF_FILES   only these files, by glob, separated by spaces; every file of the floor otherwise
# PROOF_SHARD   1/8 to 8/8: one part of the changes
# PROOF_SKIP    tests left out, by parts of their names, where they are slow and not about these files
# PROOF_TESTS   only these tests of the floor, as cargo's arguments
# PROOF_APART   a name: the run has folders of its own by it, so that several go side by side
# PROOF_AGAIN   1: only what the run before left, after a test was added or where that run was cut short
#
# A floor is copied to target/proof/FLOOR together with the floors below it and none above, which builds in a
# fraction of the time; the changes are made there, never in this tree. Only the floor's own tests are asked.
# tests/proof.rs compares what they leave with tests/mutants.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
floor=${1:?gate, state, broker or exits}
apart=${PROOF_APART:+-$PROOF_APART}
work=$root/target/proof/$floor$apart
export CARGO_TARGET_DIR=$root/target/proof/build$apart
# Nobody reads a backtrace of a change that was noticed.
export CARGO_PROFILE_DEV_DEBUG=false CARGO_PROFILE_TEST_DEBUG=false
# One failure is enough.
export PROOF_FIRST_FAILURE=1
export PROPTEST_CASES=${PROPTEST_CASES:-64}
PATH=$root/target/tools/bin:$PATH

# The floors that are built once as a crate of their own, and how many tests run at once where they mostly wait.
below=()
threads=
# Files of the floor that are another's to prove.
except=()
globs="src/$floor.rs src/$floor/**/*.rs"
case $floor in
gate) floors=(domain gate) tests=('--test=gate_*') seconds=60 ;;
state) floors=(domain gate state) tests=(--lib '--test=state_*') seconds=90 ;;
broker)
    # The path of a write. The way out is proved by the tests of the daemon's sweep.
    floors=(broker) below=(domain gate state venue sim) tests=(--lib --test=write_path) seconds=75 threads=8
    except=(--exclude src/broker/exit.rs --exclude 'src/broker/exit/**')
    ;;
exits)
    floors=(broker daemon) below=(domain gate state venue sim) seconds=150 threads=8
    tests=(--test=sweep_parts --test=sweep_flatten --test=sweep_halt --test=sweep_authority)
    globs="src/broker/exit.rs src/broker/exit/**/*.rs"
    ;;
*)
    echo "there is no floor \`$floor\` to prove: gate, state, broker or exits" >&2
    exit 2
    ;;
esac
if [ -n "${PROOF_TESTS:-}" ]; then read -ra tests <<<"$PROOF_TESTS"; fi
if [ "$floor" = gate ] && [ -e tests/properties ]; then tests+=(--test=properties); fi
if ! cargo mutants --version >/dev/null 2>&1; then
    echo "cargo-mutants is not installed: \`make tools\` installs it" >&2
    exit 1
fi

# Copies the floors that follow to the folder `$1`.
copy_floors() {
    local to=$1 name part
    shift
    mkdir -p "$to"
    for name in "$@"; do
        for part in "src/$name" "src/$name.rs"; do
            if [ -e "$part" ]; then cp -r "$part" "$to"; fi
        done
    done
}

# Makes the floors that follow a crate of their own in the tree `$1`, which is built once and not for each change.
# What they keep within the program has to be seen from another crate then.
lay_below() {
    local tree=$1 name
    shift
    copy_floors "$tree/below/src" "$@"
    find "$tree/below/src" -name '*.rs' -exec sed -i 's/pub(crate)/pub/' {} +
    sed -i 's/#\[expect(/#[allow(/; s/#!\[expect(/#![allow(/' $(find "$tree/below/src" -name '*.rs')
    # The failures of the disk that tests of the floors above ask for: to those this crate is no test.
    sed -i '/#\[cfg(test)\]/{N;s/.*\n\(.*faults\)/\1/}' "$tree/below/src/state/durable.rs"
    for name in "$@"; do echo "pub mod $name;"; done >"$tree/below/src/lib.rs"
    sed -n '1,/^\[dev-dependencies\]/p; /^\[features\]/,/^\[\[bench/p' Cargo.toml |
        sed '/^\[dev-dependencies\]/d; /^\[\[bench/d; s/^name = "mandated"/name = "below"/; /^readme/d' >"$tree/below/Cargo.toml"
    sed -i 's/^\[dependencies\]$/&\nbelow = { path = "below" }/' "$tree/Cargo.toml"
    for name in "$@"; do echo "pub use below::$name;"; done >>"$tree/src/lib.rs"
}

# Leaves the sweep of the daemon in the folder `$1`, and what it needs.
cut_daemon() {
    rm "$1/mod.rs"
    {
        echo '//! The daemon cut down to its sweep.'
        echo 'mod authority;'
        echo 'pub mod receipt;'
        echo 'pub mod sweep;'
    } >"$1/mod.rs"
}

# Lays out the tree `$1` with the floors that follow. The copies are new to cargo, which would otherwise take the
# last change of the run before for them.
lay_out() {
    local tree=$1
    shift
    rm -rf "$tree"
    mkdir -p "$tree/src"
    cp -r Cargo.toml Cargo.lock tests schemas examples .cargo "$tree"
    local name
    copy_floors "$tree/src" "$@"
    {
        echo '//! The floors that are proved, without those above.'
        for name in "$@"; do echo "pub mod $name;"; done
    } >"$tree/src/lib.rs"
    if [ "${#below[@]}" -gt 0 ]; then
        lay_below "$tree" "${below[@]}"
        if [ "$floor" = exits ]; then cut_daemon "$tree/src/daemon"; fi
        return
    fi
    # `explain` is how the tests speak to the gate.
    mkdir -p "$tree/src/cli"
    cp -r src/cli/explain.rs src/cli/explain src/cli/out.rs "$tree/src/cli"
    cp tests/proof/explain_alone.rs "$tree/src/cli/mod.rs"
    echo 'pub mod cli;' >>"$tree/src/lib.rs"
}

# Tests in the tree that are not about the floor, or need a floor that is not there.
skipped=()
if [ "$floor" = state ]; then skipped+=(--skip domain:: --skip each_listed_point_stands); fi
if [ -n "$threads" ]; then skipped+=(--test-threads "$threads"); fi
for name in ${PROOF_SKIP:-}; do skipped+=(--skip "$name"); done

which=()
set -f
for glob in ${PROOF_FILES:-$globs}; do which+=(--file "$glob"); done
set +f
which+=("${except[@]}")
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

# Tries what is left in the files that begin with `$1` within `$2` seconds each, by the tests that follow; 0: five
# times as long as they take unchanged, and 20 seconds at least. What ran out of time once in this run would again.
ask() {
    local prefix=$1 limit=() one=() name status=0
    if [ "$2" -gt 0 ]; then limit=(--timeout "$2"); fi
    shift 2
    while read -r name; do
        one+=(--re "^$(sed 's/[][\\.*^$+?(){}|]/\\&/g' <<<"$name")\$")
    done < <(grep "^$prefix" "$work/left.txt" | grep -vxFf "$work/endless.txt" || true)
    if [ ${#one[@]} -eq 0 ]; then return; fi
    # A field that is left out passes every `--re`, in whatever file it is.
    for name in $(grep "^$prefix" "$work/left.txt" | cut -d: -f1 | sort -u); do one+=(--file "$name"); done
    (cd "$work/tree" && cargo mutants --in-place --output "$work" "${limit[@]}" --colors never \
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
        module=${module%.rs}
        ask "$file:" 0 --cargo-arg=--lib -- -- "state::${module//\//::}" "${skipped[@]}"
        # The tests of a part are often those of the whole.
        if [[ $module == */* ]]; then
            ask "$file:" 0 --cargo-arg=--lib -- -- "state::${module%%/*}" "${skipped[@]}"
        fi
    done
fi
if [ "$floor" = broker ] && [ -z "${PROOF_TESTS:-}" ]; then
    ask '' 0 --cargo-arg=--lib -- -- "${skipped[@]}"
fi
if [ "$floor" = exits ] && [ -z "${PROOF_TESTS:-}" ]; then
    ask '' 0 --cargo-arg=--lib -- -- broker::exit "${skipped[@]}"
    ask '' 0 --cargo-arg=--test=write_path -- -- exits:: "${skipped[@]}"
fi
ask '' "$seconds" "${tests[@]/#/--cargo-arg=}" -- -- "${skipped[@]}"
echo "$floor: $(((SECONDS - began + 59) / 60)) minutes"
cd "$work/tree"
PROOF_RUN=$work cargo test --quiet --test proof -- --ignored
