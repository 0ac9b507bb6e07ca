#!/bin/bash
# Everything that can be said of the source without running it. Each step is the command a person
# would type; the first failure ends the run.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/tools
export PATH="$PWD/target/tools/bin:$PATH"
export RUSTDOCFLAGS="-D warnings"

step() {
    echo "── $*"
    "$@"
}

# cargo_tool NAME VERSION: installs a pinned cargo subcommand once.
cargo_tool() {
    [[ $("$tools/bin/$1" --version 2>/dev/null) == *"$2" ]] && return
    echo "installing $1 $2"
    CARGO_TARGET_DIR=$tools/build cargo install --quiet --locked --debug --root "$tools" --version "$2" "$1"
    rm -rf "$tools/build"
}

tools/packages.sh shellcheck
cargo_tool cargo-deny 0.20.2
cargo_tool cargo-machete 0.9.2

step cargo fmt --all --check
step cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
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
