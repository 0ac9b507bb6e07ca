#!/bin/bash
# Installs a pinned cargo subcommand into target/tools, once: tools/cargo-tool.sh NAME VERSION.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/tools
[[ $("$tools/bin/$1" --version 2>/dev/null) == *"$2" ]] && exit
echo "installing $1 $2"
CARGO_TARGET_DIR=$tools/build cargo install --quiet --locked --debug --root "$tools" --version "$2" "$1"
rm -rf "$tools/build"
