# shellcheck shell=bash source=/dev/null
# Ends the wrapper's children with the wrapper.
end_children() {
    local status=$?
    trap - EXIT INT TERM
    pkill -TERM -P $$ 2>/dev/null
    exit "$status"
}
trap end_children EXIT INT TERM
