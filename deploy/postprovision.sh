#!/bin/sh
# What `azd up` does after deploy/main.bicep: the image, then the events.
set -eu
here=$(dirname "$0")
sh "$here/publish.sh"
sh "$here/connect.sh"
