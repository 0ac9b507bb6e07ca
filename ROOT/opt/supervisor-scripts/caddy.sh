#!/bin/bash
# The front door: authenticated HTTPS before every app. The name is the original's, because
# scripts call `supervisorctl restart caddy`.
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/environment.sh"
. "$utils/exit_serverless.sh"

exec /opt/berth/bin/proxyd
