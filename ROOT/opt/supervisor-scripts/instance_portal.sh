#!/bin/bash
# The instance's web page, behind the front door.
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/environment.sh"
. "$utils/exit_serverless.sh"
. "$utils/exit_portal.sh" "instance portal"

exec /opt/berth/bin/portald
