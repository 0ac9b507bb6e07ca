# shellcheck shell=bash source=/dev/null
# The previous log becomes .old; all output goes to the log and to stdout.
log=/var/log/portal/$PROC_NAME.log
[[ -f $log ]] && mv "$log" "$log.old"
exec > >(tee -a "$log") 2>&1
