#!/bin/sh
# Sourced by login shells: the variables of /etc/environment, exported. PAM sets most of them, but
# cannot read values with # or quotes, and /etc/profile replaces PATH.

set -a
# shellcheck disable=SC1091 # exists only inside an instance
[ -r /etc/environment ] && . /etc/environment 2>/dev/null
set +a
