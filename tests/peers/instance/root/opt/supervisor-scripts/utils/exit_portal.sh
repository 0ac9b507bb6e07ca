# shellcheck shell=bash source=/dev/null
# Waits for the list of apps, then leaves unless one of them matches the first argument.
for ((waited = 0; waited < 120; waited++)); do
    [[ -s /etc/portal.yaml ]] && break
    sleep 1
done
[[ -s /etc/portal.yaml ]] || exit 1
if ! grep -v '^#' /etc/portal.yaml | grep -qi "$1"; then
    mkdir -p /tmp/supervisor-skip
    echo "$1" >"/tmp/supervisor-skip/$PROC_NAME"
    sleep 6
    exit 0
fi
