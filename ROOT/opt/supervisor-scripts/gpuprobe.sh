#!/bin/bash
# NVIDIA telemetry; "no driver" is a state it reports, not a failure.
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/exit_serverless.sh"

exec /opt/berth/bin/gpuprobe
