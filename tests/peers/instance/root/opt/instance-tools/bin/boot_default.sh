#!/bin/bash
# shellcheck source=/dev/null disable=SC2034 # the scripts read the flags
# The default boot: flags, then every numbered script in this one shell, which stays PID 1.
umask 002
generate_certificate=true
export_environment=true
while (($#)); do
    case $1 in
        --no-cert-gen) generate_certificate=false ;;
        --no-export-env) export_environment=false ;;
        *) echo "unknown flag: $1" >&2 ;;
    esac
    shift
done
for script in /etc/vast_boot.d/*.sh; do
    [[ -r $script ]] && . "$script"
done
