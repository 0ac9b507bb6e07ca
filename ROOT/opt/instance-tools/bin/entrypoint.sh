#!/bin/sh
# Entry point of the image, and what a template's onstart calls. All flags are bootd's.
exec /opt/berth/bin/bootd "$@"
