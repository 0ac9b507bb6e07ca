#!/bin/bash
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/environment.sh"

# The workspace holds the editable checkout; the image's own copy serves until it is there.
for directory in "${WORKSPACE:-/workspace}/ComfyUI" /opt/workspace-internal/ComfyUI; do
    [[ -f $directory/main.py ]] && break
done
if [[ ! -f $directory/main.py ]]; then
    echo "ComfyUI is not installed: no main.py in ${WORKSPACE:-/workspace}/ComfyUI or /opt/workspace-internal/ComfyUI"
    exit 0
fi
python=${COMFYUI_PYTHON:-/venv/main/bin/python}
if [[ ! -x $python ]]; then
    echo "ComfyUI cannot start: $python is missing; set COMFYUI_PYTHON to a Python that has its requirements"
    exit 0
fi

cd "$directory" || exit 1
# shellcheck disable=SC2086 # COMFYUI_ARGS is a list of words
exec "$python" main.py ${COMFYUI_ARGS:---disable-auto-launch --port 18188}
