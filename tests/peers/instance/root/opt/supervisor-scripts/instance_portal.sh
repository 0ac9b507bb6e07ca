#!/bin/bash
# shellcheck source=/dev/null
# Runs the portal page behind the proxy.
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/cleanup.sh"
. "$utils/environment.sh"
. "$utils/exit_portal.sh" "instance portal"
cd /opt/portal-aio/portal || exit 1
/opt/peer/venv/bin/python3 -m uvicorn --host 127.0.0.1 --port 11111 main:app
