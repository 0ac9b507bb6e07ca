# shellcheck shell=bash disable=SC2034 # a later script reads it
# Starts the supervisor in the background; script 95 waits for it.
/opt/peer/venv/bin/python3 /opt/peer/venv/bin/supervisord -n -c /etc/supervisor/supervisord.conf &
supervisor_pid=$!
