#!/bin/bash
# Makes a Python environment once: venv.sh DIRECTORY REQUIREMENTS [PATH INSIDE THE INSTANCE].
# It is made anew when the requirements change. With the third argument its commands name that
# path, so that the directory can be mounted there.
set -euo pipefail
directory=$1 requirements=$2 inside=${3:-}

stamp=$directory/.requirements
cmp -s "$requirements" "$stamp" && exit 0

# An instance sees neither /root nor /home: a Python that lives there would be missing in it.
python=
for candidate in /usr/bin/python3 "$(command -v python3 || true)"; do
    [[ -x $candidate ]] && python=$candidate && break
done
if [[ -z $python ]]; then
    echo "Python 3 is missing; install it (Debian: apt-get install python3 python3-venv)" >&2
    exit 1
fi
if [[ $python == /usr/bin/python3 ]] && ! "$python" -c 'import ensurepip' 2>/dev/null; then
    "$(dirname "$0")/packages.sh" python3-venv
fi

echo "making a Python environment in $directory"
rm -rf "$directory"
"$python" -m venv "$directory"
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
if [[ -n $inside ]]; then
    here=$(cd "$directory" && pwd -P)
    grep -rlI "$here" "$directory/bin" | xargs -r sed -i "s#$here#$inside#g"
fi
cp "$requirements" "$stamp"
