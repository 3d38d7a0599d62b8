#!/usr/bin/env bash
# Builds `mandated` with everything in it, for any Linux of this processor.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(rustc -vV | sed -n 's/^host: \([^-]*\)-.*/\1/p')-unknown-linux-musl
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
    echo "there is no standard library for $target here: add it with \`rustup target add $target\`" >&2
    exit 1
fi
# SQLite and ring are C.
if ! command -v "${CC:-musl-gcc}" >/dev/null; then
    echo "there is no C compiler for musl here: install musl-tools, or name one in CC" >&2
    exit 1
fi
variable=${target//-/_}
export "CC_$variable=${CC:-musl-gcc}"
cargo build --release --locked --target "$target"
program=target/$target/release/mandated
if ! ldd "$program" 2>&1 | grep -qE 'statically linked|not a dynamic executable'; then
    echo "$program still asks for shared libraries:" >&2
    ldd "$program" >&2
    exit 1
fi
ls -l "$program"
