#!/bin/bash
# Sourced by program scripts. supervisord-rs keeps the raw and the clean log itself, so nothing is
# left to do here: a second copy would write every line twice. Under stock Supervisor the output
# goes through tee, with the previous log kept beside it. An argument overrides the log's path.

if [[ -z ${BERTH_INCARNATION:-} ]]; then
    berth_log=${1:-/var/log/portal/${PROC_NAME:-$(basename "$0" .sh)}.log}
    mkdir -p "$(dirname "$berth_log")"
    [[ -f $berth_log ]] && mv -f "$berth_log" "$berth_log.old"
    exec > >(tee -a "$berth_log") 2>&1
    unset berth_log
fi
