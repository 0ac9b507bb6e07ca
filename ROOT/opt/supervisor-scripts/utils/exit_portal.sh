#!/bin/bash
# Sourced as `. exit_portal.sh TERM`: ends the program unless TERM stands in /etc/portal.yaml.
#
# bootd writes portal.yaml before any program starts; the wait is for instances that another boot
# started. The pause is longer than any startsecs, so that the program ends as EXITED.

if [[ ${SERVERLESS:-false} != true ]]; then
    for ((berth_round = 0; berth_round < 120; berth_round++)); do
        [[ -s /etc/portal.yaml ]] && break
        sleep 1
    done
    if [[ ! -s /etc/portal.yaml ]]; then
        echo "/etc/portal.yaml is still missing after 120 s"
        exit 1
    fi
    berth_marker=/tmp/supervisor-skip/${PROC_NAME:-$(basename "$0" .sh)}
    if grep -v '^[[:space:]]*#' /etc/portal.yaml | grep -qi -- "$1"; then
        rm -f "$berth_marker"
    else
        install -d -m 1777 /tmp/supervisor-skip
        printf '%s\n' "$1" >"$berth_marker"
        echo "not started: no app \"$1\" in /etc/portal.yaml"
        sleep 6
        exit 0
    fi
    unset berth_round berth_marker
fi
