#!/bin/sh
# Wait until the app takes events, then have Event Grid send them: deploy/events.bicep.
#
#   AZURE_RESOURCE_GROUP=GROUP sh deploy/connect.sh
#
# Run it again after the webhook's key was changed.
#
# WAIT_SECONDS  how long to wait for the app, 900 otherwise: it has to pull its image and prove OpenFace
# POLL_SECONDS  how often to look, 15 otherwise
set -eu
here=$(dirname "$0")
# shellcheck source=deploy/find.sh
. "$here/find.sh"

function_name=analyse_media
poll=${POLL_SECONDS:-15}
deadline=$(($(date +%s) + ${WAIT_SECONDS:-900}))

webhook_key() {
  az functionapp keys list --resource-group "$AZURE_RESOURCE_GROUP" --name "$APP_NAME" \
    --query systemKeys.blobs_extension --output tsv 2>/dev/null || true
}

# Ask the webhook what Event Grid will ask it. Prints the HTTP status, or 000. The key comes on standard input, since
# every user of a machine can read arguments.
ask_webhook() {
  printf 'header = "x-functions-key: %s"\n' "$1" | curl --silent --max-time 60 --config - \
    --header 'aeg-event-type: SubscriptionValidation' --header 'content-type: application/json' \
    --data '[{"id":"1","topic":"","subject":"","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","eventTime":"2020-01-01T00:00:00Z","data":{"validationCode":"openface-runner"},"dataVersion":"1"}]' \
    --output /dev/null --write-out '%{http_code}' \
    "$address/runtime/webhooks/blobs?functionName=Host.Functions.$function_name" || true
}

address=${APP_ADDRESS:-https://$(az functionapp show --resource-group "$AZURE_RESOURCE_GROUP" --name "$APP_NAME" \
  --query defaultHostName --output tsv)}

echo "Waiting for $address …"
while :; do
  key=$(webhook_key)
  if [ -z "$key" ] || [ "$key" = None ]; then
    why="it has made no key blobs_extension, so its host has not started"
  else
    status=$(ask_webhook "$key")
    [ "$status" != 200 ] || break
    why="its webhook answers $status where 200 is wanted (404: the function isn't there, see the log for why OpenFace was refused; 401 or 302: sign-in stands before the webhook)"
  fi
  [ "$(date +%s)" -lt "$deadline" ] || fail "$APP_NAME doesn't take events: $why. Once it does, run this again."
  sleep "$poll"
done

# A new identity's role may need some minutes.
tries=3
until az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name events \
  --template-file "$here/events.bicep" --parameters "appName=$APP_NAME" "mediaAccountName=$MEDIA_ACCOUNT" \
  "functionName=$function_name" --output none; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || fail "deploy/events.bicep could not be deployed; az says why above."
  sleep "$poll"
done
echo "Uploads to $MEDIA_ACCOUNT reach $APP_NAME."
