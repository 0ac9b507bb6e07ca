#!/bin/bash
# Key-only SSH, unless the platform runs its own.
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"

if [[ ! -x /usr/sbin/sshd ]]; then
    echo "sshd is not installed"
    sleep 2
    exit 0
fi
if [[ -e /.launch ]]; then
    echo "not started: the platform runs its own sshd"
    sleep 2
    exit 0
fi
# SSHD_OPTIONS: further options of sshd, or "off".
if [[ ${SSHD_OPTIONS:-} == off ]]; then
    echo "not started: SSHD_OPTIONS=off"
    sleep 2
    exit 0
fi
read -r -a options <<<"${SSHD_OPTIONS:-}"

install -d -o root -g root -m 0755 /run/sshd
# bootd makes the host keys beside the boot, off the path to "reachable".
for ((round = 0; round < 300; round++)); do
    [[ -s /etc/ssh/ssh_host_ed25519_key ]] && break
    sleep 0.1
done
# A configuration that does not parse would end as a crash loop without a reason.
/usr/sbin/sshd -t "${options[@]}" || exit 1
exec /usr/sbin/sshd -D -e "${options[@]}"
