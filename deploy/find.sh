# shellcheck shell=sh
# Read by publish.sh and connect.sh: what main.bicep made in the resource group, unless the environment names it.
# Sets APP_NAME, REGISTRY_NAME and MEDIA_ACCOUNT.

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# The resource that main.bicep tagged so: find_part TAG TYPE
find_part() {
  found=$(az resource list --resource-group "$AZURE_RESOURCE_GROUP" --resource-type "$2" \
    --query "[?tags.part=='$1'].name" --output tsv) || fail "az could not list the resource group $AZURE_RESOURCE_GROUP."
  case $found in
    '') fail "There is no $2 with the tag part=$1 in $AZURE_RESOURCE_GROUP. Deploy deploy/main.bicep there first." ;;
    *[[:space:]]*) fail "There are several of $2 in $AZURE_RESOURCE_GROUP. Name one: APP_NAME, REGISTRY_NAME, MEDIA_ACCOUNT." ;;
  esac
  echo "$found"
}

[ -n "${AZURE_RESOURCE_GROUP:-}" ] || fail "Set AZURE_RESOURCE_GROUP to the name of the resource group."
command -v az >/dev/null || fail "The Azure CLI (az) is needed and wasn't found."
APP_NAME=${APP_NAME:-$(find_part app Microsoft.Web/sites)} || exit 1
REGISTRY_NAME=${REGISTRY_NAME:-$(find_part registry Microsoft.ContainerRegistry/registries)} || exit 1
MEDIA_ACCOUNT=${MEDIA_ACCOUNT:-$(find_part media Microsoft.Storage/storageAccounts)} || exit 1
