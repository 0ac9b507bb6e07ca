#!/bin/bash
# Sourced by program scripts: the variables of /etc/environment and ${WORKSPACE}/.env, exported.

set -a
# shellcheck disable=SC1091 # exists only inside an instance
[[ -r /etc/environment ]] && . /etc/environment 2>/dev/null
# shellcheck disable=SC1091 # the user's own file
[[ -r ${WORKSPACE:-/workspace}/.env ]] && . "${WORKSPACE:-/workspace}/.env" 2>/dev/null
set +a
