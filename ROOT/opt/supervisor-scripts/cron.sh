#!/bin/bash
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/environment.sh"

if ! command -v cron >/dev/null; then
    echo "cron is not installed"
    exit 0
fi
rm -f /run/crond.pid # survives a container's stop and start
exec cron -f
