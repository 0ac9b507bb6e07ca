#!/bin/bash
# Installs the Debian packages given as arguments that are missing. Nothing is asked of the network
# if all are there, and no installed package starts its service.
set -euo pipefail

missing=()
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

sudo=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "missing Debian packages: ${missing[*]}; install them as root and try again" >&2
        exit 1
    fi
    sudo=(sudo)
fi

# invoke-rc.d asks this file; 101 means "do not start services".
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee $policy >/dev/null
    "${sudo[@]}" chmod 755 $policy
    trap '"${sudo[@]}" rm -f $policy' EXIT
fi

echo "installing ${missing[*]}"
log=$(mktemp)
if ! { "${sudo[@]}" apt-get update -q &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "failed to install ${missing[*]}; the whole output is in $log" >&2
    exit 1
fi
rm -f "$log"
