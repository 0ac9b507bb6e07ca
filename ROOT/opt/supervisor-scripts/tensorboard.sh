#!/bin/bash
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/environment.sh"

tensorboard=${TENSORBOARD_BIN:-/venv/main/bin/tensorboard}
if [[ ! -x $tensorboard ]]; then
    echo "TensorBoard is not installed: $tensorboard is missing; set TENSORBOARD_BIN to where it is"
    sleep 6
    exit 0
fi

exec "$tensorboard" \
    --host 127.0.0.1 \
    --port "${TENSORBOARD_PORT:-16006}" \
    --logdir "${TENSORBOARD_LOG_DIR:-${WORKSPACE:-/workspace}}"
