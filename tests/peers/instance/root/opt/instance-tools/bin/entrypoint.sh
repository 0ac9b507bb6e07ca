#!/bin/bash
# Entry of the peer: a custom boot script replaces the default boot when there is one.
custom=/opt/instance-tools/bin/boot_custom.sh
if [[ -f $custom ]]; then
    exec "$custom" "$@"
fi
exec /opt/instance-tools/bin/boot_default.sh "$@"
