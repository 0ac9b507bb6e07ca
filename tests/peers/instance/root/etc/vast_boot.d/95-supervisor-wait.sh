# shellcheck shell=bash disable=SC2154 # the caller or an earlier script sets them
# PID 1 is this shell; it lives as long as the supervisor.
rm -f /.provisioning
wait "$supervisor_pid"
