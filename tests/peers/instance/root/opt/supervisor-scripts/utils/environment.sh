# shellcheck shell=bash source=/dev/null
# Services read the environment file, not what the supervisor was started with.
set -a
. /etc/environment 2>/dev/null
[[ -f $WORKSPACE/.env ]] && . "$WORKSPACE/.env"
set +a
