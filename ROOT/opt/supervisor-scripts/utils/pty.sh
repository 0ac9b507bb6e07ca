#!/bin/bash
# Sourced by program scripts: `pty COMMAND…` runs a command with a terminal, so that progress bars
# keep their form. Without `unbuffer`, or with DISABLE_PTY=true, it runs the command as it is.

pty() {
    if [[ ${DISABLE_PTY:-false} != true ]] && command -v unbuffer >/dev/null; then
        unbuffer -p "$@"
    else
        "$@"
    fi
}
