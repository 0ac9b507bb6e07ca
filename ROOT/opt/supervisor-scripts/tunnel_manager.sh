#!/bin/bash
# Ways to the apps from outside: tunnels, direct links, ssh -L lines.
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/environment.sh"
. "$utils/exit_serverless.sh"
. "$utils/exit_portal.sh" "instance portal"

exec /opt/berth/bin/tunneld
