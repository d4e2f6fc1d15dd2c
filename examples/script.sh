#!/bin/sh
# User data that any guest with a shell runs: the demo guest, cloud-init, HEPiX images.
set -eu
echo "hello from $(hostname), $(date -u)"
