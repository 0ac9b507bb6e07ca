#!/bin/bash
# Sourced by program scripts that have no use in serverless mode. The pause is longer than any
# startsecs, so that the program ends as EXITED and is not started again.

if [[ ${SERVERLESS:-false} == true ]]; then
    echo "${PROC_NAME:-this program} is not used in serverless mode"
    sleep 6
    exit 0
fi
