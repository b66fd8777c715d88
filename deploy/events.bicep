// From uploads to the app: Event Grid's topic on the media's account, and its subscription to the app's webhook.
//
// Deploy it once the app runs, since Event Grid asks the webhook at once whether it wants the events, and again after the
// webhook's key was changed. deploy/connect.sh waits for the app and then does that.

targetScope = 'resourceGroup'

@description('The function app, as main.bicep named it.')
param appName string

@description('The account with the media, as main.bicep named it.')
param mediaAccountName string

@description('The blob trigger that is told of uploads.')
param functionName string = 'analyse_media'

var names = loadJsonContent('names.json')
var containers = '/blobServices/default/containers'

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: appName
}

resource media 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: mediaAccountName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: '${appName}-events'
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: '${mediaAccountName}-events'
  location: media.location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    source: media.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

// Read here, so that the key is in no argument, file or output. The host makes it when the app first runs.
var key = listKeys(resourceId('Microsoft.Web/sites/host', appName, 'default'), '2024-04-01').systemKeys.blobs_extension

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: appName
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.${functionName}&code=${uriComponent(key)}'
        // One event a request: each answer then speaks for one medium.
        maxEventsPerBatch: 1
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      advancedFilters: [
        {
          // The requests after which a blob is whole. With a hierarchical namespace CreateFile makes an empty one first.
          operatorType: 'StringIn'
          key: 'data.api'
          values: ['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose', 'SftpCommit']
        }
        {
          // What this app writes, and a host that shares the account.
          operatorType: 'StringNotBeginsWith'
          key: 'subject'
          values: [
            '${containers}/${names.outputContainer}/'
            '${containers}/${names.jobsContainer}/'
            '${containers}/${names.deadLetterContainer}/'
            '${containers}/azure-webjobs-'
          ]
        }
      ]
    }
    // As long as Event Grid can: an app that is down for a day loses nothing.
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterWithResourceIdentity: {
      identity: {
        type: 'UserAssigned'
        userAssignedIdentity: identity.id
      }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: media.id
          blobContainerName: names.deadLetterContainer
        }
      }
    }
  }
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' existing = {
  name: appName
}

var deliveryAlerts = [
  {
    name: 'not-taken'
    metric: 'DeliveryAttemptFailCount'
    threshold: 10
    text: 'The app does not take events: it is down, or the webhook\'s key was changed'
  }
  {
    name: 'dead-letters'
    metric: 'DeadLetteredCount'
    threshold: 0
    text: 'Events were given up after a day; they are in the container of dead letters'
  }
]

resource deliveries 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alert in deliveryAlerts: {
  name: '${appName}-${alert.name}'
  location: 'global'
  properties: {
    description: alert.text
    severity: 1
    enabled: true
    scopes: [topic.id]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: alert.name
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.EventGrid/systemTopics'
          metricName: alert.metric
          skipMetricValidation: true
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: alert.threshold
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}]

output TOPIC_NAME string = topic.name
