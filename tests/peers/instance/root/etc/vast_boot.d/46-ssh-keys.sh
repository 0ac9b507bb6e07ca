# shellcheck shell=bash
# Root's keys for every account under /home.
if [[ -n ${SSH_PUBLIC_KEY:-} ]]; then
    mkdir -p /root/.ssh
    chmod 700 /root/.ssh
    printf '%s\n' "$SSH_PUBLIC_KEY" >>/root/.ssh/authorized_keys
    chmod 600 /root/.ssh/authorized_keys
fi
