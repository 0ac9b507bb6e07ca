#!/bin/bash
# Looks for input that breaks one target: tools/fuzz.sh TARGET SECONDS. What it learns stays in
# target/fuzz; with MINIMISE=1 the committed corpus becomes the smallest that reaches as much.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/tools/bin:$PATH"

target=${1-} seconds=${2:-600}
targets=$(cd tests/fuzz/targets && printf '%s ' *.rs | sed 's/\.rs / /g')
if [[ -z $target || " $targets" != *" $target "* ]]; then
    echo "make fuzz T=name S=seconds, where name is one of: $targets" >&2
    exit 2
fi
if [[ ! $seconds =~ ^[1-9][0-9]*$ ]]; then
    echo "make fuzz T=$target S=seconds: '$seconds' is no number of seconds" >&2
    exit 2
fi
tools/packages.sh g++
tools/cargo-tool.sh cargo-fuzz 0.13.2

# The parsers hold no unsafe code, so that a sanitizer of memory has nothing to find, and needs a
# nightly compiler. Thin LTO would undo the instrumentation, and stripping the names in traces.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_STRIP=none
cargo_fuzz() {
    local command=$1
    shift
    cargo-fuzz "$command" --fuzz-dir tests/fuzz --target-dir target/fuzz/build --features libfuzzer \
        --sanitizer none --debug-assertions "$@"
}

corpus=tests/fuzz/corpus/$target
learnt=target/fuzz/corpus/$target
log=target/fuzz/$target.log
mkdir -p "$learnt" "tests/fuzz/artifacts/$target"
limits=(-timeout=5 -rss_limit_mb=1024 -max_len=8192)

# Inputs that are quick to try are tried more often: a file of 10,000 processes takes a while.
status=0
cargo_fuzz run "$target" "$learnt" "$corpus" -- "${limits[@]}" \
    -max_total_time="$seconds" -dict="tests/fuzz/dictionaries/$target.dict" \
    -entropic_scale_per_exec_time=1 -print_final_stats=1 \
    2>&1 | tee "$log" | sed "/Recommended dictionary/,/End of recommended/d" || status=$?

if [[ ${MINIMISE-} ]]; then
    smallest=target/fuzz/smallest/$target
    rm -rf "$smallest"
    mkdir -p "$smallest"
    cargo_fuzz run "$target" "$smallest" "$corpus" "$learnt" -- "${limits[@]}" \
        -merge=1 -use_counters=0 >>"$log" 2>&1
    # Findings are named by hand and stay; others are named by their sums.
    find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    find "$corpus" -type f -exec sha1sum {} + | while read -r sum _; do rm -f "$smallest/$sum"; done
    cp "$smallest"/* "$corpus"
    echo "$corpus: $(find "$corpus" -type f | wc -l) inputs"
fi

executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
echo "$target: ${executions:-0} executions in $seconds s"
if [[ $status -ne 0 ]]; then
    found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
    if [[ $found ]]; then
        echo "$target: FOUND $found" >&2
    else
        echo "$target: ended without a finding, but with an error; see above" >&2
    fi
    exit 1
fi
echo "$target: nothing found"
