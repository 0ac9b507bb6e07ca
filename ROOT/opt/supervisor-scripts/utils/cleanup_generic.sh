#!/bin/bash
# Sourced by program scripts that do not exec their program: ends every descendant when the script
# ends. TERM first, KILL after 5 s; the script's exit code stays.

berth_descendants() {
    local child
    for child in $(pgrep -P "$1"); do
        berth_descendants "$child"
        echo "$child"
    done
}

berth_cleanup() {
    local code=$? left round
    trap - EXIT INT TERM
    mapfile -t left < <(berth_descendants $$)
    kill -TERM "${left[@]}" 2>/dev/null
    for ((round = 0; round < 50; round++)); do
        kill -0 "${left[@]}" 2>/dev/null || exit "$code"
        sleep 0.1
    done
    kill -KILL "${left[@]}" 2>/dev/null
    exit "$code"
}

trap berth_cleanup EXIT INT TERM
