#!/bin/bash
# Everything that can be said of the source without running it. Each step is the command a person
# would type; the first failure ends the run.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/tools/bin:$PATH"
export RUSTDOCFLAGS="-D warnings"

step() {
    echo "── $*"
    "$@"
}

# libFuzzer is C++.
tools/packages.sh shellcheck g++
tools/cargo-tool.sh cargo-deny 0.20.2
tools/cargo-tool.sh cargo-machete 0.9.2

step cargo fmt --all --check
step cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
# What only the programs of tests/fuzz are built with.
step cargo clippy -p fuzz --features libfuzzer --locked --quiet -- -D warnings
step cargo doc --workspace --no-deps --document-private-items --locked --quiet
step cargo-deny --log-level error check bans licenses sources
step cargo-machete --skip-target-dir .
mapfile -t scripts < <(git ls-files -s '*.sh' .ci/run | awk '$1 != 120000 { print $4 }')
step shellcheck -x -P ROOT/opt/supervisor-scripts/utils "${scripts[@]}"
if command -v npm >/dev/null; then
    # The committed page is what its sources build.
    step tools/web.sh
else
    echo "── front end: no npm here, so the committed page is taken as it is"
fi
echo "lint: clean"
