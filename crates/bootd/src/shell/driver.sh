#!/bin/bash
# shellcheck disable=SC1090 # it sources what it is told to
# The boot shell: sources one script after the other, so that functions, plain variables, umask and
# directory of one reach the next. After each it writes the exported variables and a marker to a
# descriptor of its own; end-of-file would never come, background jobs of scripts hold it.
#
# Arguments: command descriptor, report descriptor, marker, state file, path of env(1).
eval "exec 198<&$1 199>&$2 $1<&- $2>&-"
readonly __berth_mark=$3 __berth_state=$4 __berth_env=$5
set --
umask 002

__berth_report() {
    {
        builtin declare -p
        builtin declare -f
        builtin umask -p
        builtin printf 'builtin cd -- %q\n' "$PWD"
    } 2>/dev/null >|"$__berth_state"
    "$__berth_env" -0 >&199 2>/dev/null
    builtin printf '%s:%s\0' "$__berth_mark" "$1" >&199
}

# The state of a shell that a script has ended; what cannot be set again says so to nobody.
if [[ -r $__berth_state ]]; then
    . "$__berth_state" 2>/dev/null
fi
trap '__berth_report "exit:$?"' EXIT

while IFS= builtin read -r -u 198 __berth_script; do
    . "$__berth_script"
    __berth_report "done:$?"
done
trap - EXIT
