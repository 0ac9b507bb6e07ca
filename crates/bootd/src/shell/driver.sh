#!/bin/bash
# shellcheck disable=SC1090 # it sources what it is told to
# The boot shell: sources one script after the other, so that functions, plain variables, umask and
# directory of one reach the next. After each it writes the exported variables and a marker to a
# descriptor of its own; end-of-file would never come, background jobs of scripts hold it.
#
# Arguments: command descriptor, report descriptor, marker, state file, file for names.
eval "exec 198<&$1 199>&$2 $1<&- $2>&-"
readonly __berth_mark=$3 __berth_state=$4 __berth_list=$5
set --
umask 002

# Starts no program and no subshell: one variable of 128 KiB, or a full process table, and none
# could be started. Options of a script are out of force in here: a trace would show every secret.
__berth_report() {
    { builtin local - && builtin set +eux; } 2>/dev/null
    {
        builtin declare -p
        builtin declare -f
        builtin umask -p
        builtin printf 'builtin cd -- %q\n' "$PWD"
    } 2>/dev/null >|"$__berth_state"
    # A list without its last line was not written to its end and says nothing.
    {
        builtin compgen -e
        builtin declare -Fx
        builtin printf '%s\n' "$__berth_mark"
    } 2>/dev/null >|"$__berth_list" && builtin mapfile -t __berth_names <"$__berth_list"
    {
        if [[ ${__berth_names[-1]} == "$__berth_mark" ]]; then
            builtin unset '__berth_names[-1]'
            for __berth_name in "${__berth_names[@]}"; do
                if [[ $__berth_name == 'declare -f'* ]]; then
                    __berth_name=${__berth_name##* }
                    builtin printf 'BASH_FUNC_%s%%%%=' "$__berth_name"
                    builtin declare -f "$__berth_name"
                    builtin printf '\0'
                elif [[ ${!__berth_name@a} != *[aA]* ]]; then
                    builtin printf '%s=%s\0' "$__berth_name" "${!__berth_name}"
                fi
            done
        fi
        builtin unset __berth_names
        builtin printf '%s:%s\0' "$__berth_mark" "$1"
    } 2>/dev/null >&199
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
