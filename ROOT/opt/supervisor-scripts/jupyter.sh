#!/bin/bash
# JupyterLab on loopback without a token of its own: the front door is the wall.
utils=/opt/supervisor-scripts/utils
. "$utils/logging.sh"
. "$utils/environment.sh"

if [[ ${JUPYTER_OVERRIDE:-false} != true ]] && grep -qi jupyter /.launch 2>/dev/null; then
    echo "not started: the platform runs its own Jupyter"
    sleep 6
    exit 0
fi

jupyter=${JUPYTER_BIN:-/venv/main/bin/jupyter}
if [[ ! -x $jupyter ]]; then
    echo "Jupyter is not installed: $jupyter is missing; set JUPYTER_BIN to where it is"
    sleep 6
    exit 0
fi

directory=${DATA_DIRECTORY:-${WORKSPACE:-/workspace}}
export PATH="${jupyter%/*}:$PATH"
export SHELL=/bin/bash
cd "$directory" || cd /

# A trash directory would eat the instance's disk; the update check would call out.
exec "$jupyter" "${JUPYTER_TYPE:-lab}" \
    --allow-root \
    --no-browser \
    --ip=127.0.0.1 \
    --port=18080 \
    --ServerApp.port_retries=0 \
    --IdentityProvider.token= \
    --PasswordIdentityProvider.hashed_password= \
    --ServerApp.root_dir=/ \
    --ServerApp.preferred_dir="$directory" \
    --ServerApp.allow_remote_access=True \
    --ServerApp.terminado_settings='{"shell_command": ["/bin/bash", "--login"]}' \
    --FileContentsManager.delete_to_trash=False \
    --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
    --LabApp.news_url=None
