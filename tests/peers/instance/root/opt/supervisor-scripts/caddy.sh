#!/bin/bash
# shellcheck source=/dev/null
# Generates the proxy's configuration, then runs the proxy.
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/cleanup.sh"
. "$utils/environment.sh"
/opt/peer/venv/bin/python3 /opt/portal-aio/caddy_manager/caddy_config_manager.py
if [[ -f /etc/Caddyfile ]]; then
    /opt/peer/venv/bin/caddy run --config /etc/Caddyfile --adapter caddyfile
else
    echo "no proxy configuration; nothing to do"
    exit 0
fi
