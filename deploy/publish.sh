#!/bin/sh
# Build the app's image, push it to the registry and let the app run it.
#
#   AZURE_RESOURCE_GROUP=GROUP OPENFACE_IMAGE=… sh deploy/publish.sh
#
# OPENFACE_IMAGE  image that OpenFace is taken from; the Dockerfile's default otherwise
# IMAGE_BUILD     acr: built in the registry (the default); docker: on this machine, as for an OpenFace image that is
#                 only here; none: the app goes on with the image that it has
# IMAGE_TAG       tag of the new image; the time otherwise
set -eu
here=$(dirname "$0")
build=${IMAGE_BUILD:-acr}
if [ "$build" = none ]; then
  echo "IMAGE_BUILD=none: no image is built."
  exit 0
fi
# shellcheck source=deploy/find.sh
. "$here/find.sh"

server=$(az acr show --name "$REGISTRY_NAME" --query loginServer --output tsv)
name=openface-runner:${IMAGE_TAG:-$(date -u +%Y%m%d-%H%M%S)}
image=$server/$name

set -- --platform linux/amd64
if [ -n "${OPENFACE_IMAGE:-}" ]; then
  set -- "$@" --build-arg "OPENFACE_IMAGE=$OPENFACE_IMAGE"
fi
echo "Building $image …"
case $build in
  acr)
    az acr build --registry "$REGISTRY_NAME" --image "$name" "$@" "$here/.."
    ;;
  docker)
    docker build --tag "$image" "$@" "$here/.."
    az acr login --name "$REGISTRY_NAME"
    docker push "$image"
    ;;
  *) fail "IMAGE_BUILD is '$build'; it may be acr, docker or none." ;;
esac

az functionapp config set --resource-group "$AZURE_RESOURCE_GROUP" --name "$APP_NAME" \
  --linux-fx-version "DOCKER|$image" --output none
# The next deployment of main.bicep is to keep it.
if [ -n "${AZURE_ENV_NAME:-}" ] && command -v azd >/dev/null; then
  azd env set IMAGE "$image"
fi
echo "$APP_NAME runs $image."
