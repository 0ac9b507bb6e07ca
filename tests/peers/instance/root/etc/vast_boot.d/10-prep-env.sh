# shellcheck shell=bash disable=SC2154 # the caller or an earlier script sets them
# Workspace, defaults and the environment file that every service reads.
export WORKSPACE=${WORKSPACE:-/workspace}
mkdir -p "$WORKSPACE"
cd "$WORKSPACE" || true
export PATH=/opt/instance-tools/bin:/opt/peer/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HF_HOME=${HF_HOME:-$WORKSPACE/.hf_home}
mkdir -p "$HF_HOME"
{
    echo "PATH=\"$PATH\""
    while IFS= read -r -d '' entry; do
        case $entry in
            HOME=* | SHLVL=* | PATH=* | _=* | *CONDA*) ;;
            *) printf '%s="%s"\n' "${entry%%=*}" "${entry#*=}" ;;
        esac
    done < <(env -0)
} >/etc/environment
if [[ $export_environment == true ]]; then
    set -a
    . /etc/environment
    set +a
fi
