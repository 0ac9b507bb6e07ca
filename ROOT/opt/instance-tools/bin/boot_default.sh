#!/bin/sh
# The default boot, for a custom boot script that ends with it.
exec /opt/berth/bin/bootd "$@"
