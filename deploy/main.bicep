// All that the app needs in Azure, but for the events: those need an app that runs (events.bicep).
//
//   az deployment group create --resource-group GROUP --name main --template-file deploy/main.bicep
//
// docs/deployment.md has the steps. Deploy it again at any time: what is there stays.

targetScope = 'resourceGroup'

@description('Beginning of the app\'s name, in lower-case letters, digits and hyphens; a part that is unique in the world follows.')
@minLength(3)
@maxLength(18)
param name string = 'openface'

@description('Azure region of everything.')
param location string = resourceGroup().location

@description('Hosting plan. EP1 to EP3 scale with the events (1, 2 and 4 cores an instance); P0v3 to P3v3 run a number of instances that you set.')
@allowed(['EP1', 'EP2', 'EP3', 'P0v3', 'P1v3', 'P2v3', 'P3v3'])
param planSku string = 'EP1'

@description('Instances that always run. The plan has at least one, and is paid for it.')
@minValue(1)
@maxValue(20)
param minInstances int = 1

@description('Instances at once, at most, on EP plans.')
@minValue(1)
@maxValue(100)
param maxInstances int = 5

@description('Image with its registry and tag. Empty at the first deployment, before there is one; deploy/publish.sh sets it.')
param image string = ''

@description('Settings of the app\'s own, by name, as docs/settings.md has them: { OPENFACE_PROCESSES: \'2\' }. They win over the host\'s settings in modules/app.bicep.')
param settings object = {}

@description('Redundancy of the media\'s account.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS'])
param mediaRedundancy string = 'Standard_LRS'

@description('Days after which results, job records and undelivered events are deleted; 0 keeps them.')
@minValue(0)
param resultDays int = 365

@description('Days after which every blob of the media\'s account is deleted, media as well as results; 0 keeps them.')
@minValue(0)
param mediaDays int = 0

@description('Days in which a deleted blob can be brought back; 0 deletes at once.')
@minValue(0)
@maxValue(365)
param softDeleteDays int = 7

@description('Days that logs are kept. They hold names of containers and blobs.')
@minValue(30)
@maxValue(730)
param logDays int = 30

@description('Who is told by an alert. Empty: alerts show in the portal only.')
param alertEmail string = ''

@description('An alert says so when a medium waited longer than this, in minutes, for its first try.')
@minValue(1)
param longestWaitMinutes int = 60

@description('Client id of the app registration with which people sign in to the jobs page. Empty: nobody can, and there is no page.')
param signInClientId string = ''

@description('The tenant whose people may sign in.')
param signInTenantId string = tenant().tenantId

var token = uniqueString(resourceGroup().id, name)
var appName = '${name}-${token}'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: appName
  location: location
}

// Event Grid's own: with it, undelivered events are written, and nothing else can be done.
resource eventsIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${appName}-events'
  location: location
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  params: {
    name: 'registry${token}'
    location: location
    appPrincipalId: identity.properties.principalId
  }
}

module hostStorage 'modules/host_storage.bicep' = {
  name: 'host-storage'
  params: {
    name: 'host${token}'
    location: location
    appPrincipalId: identity.properties.principalId
  }
}

module media 'modules/media.bicep' = {
  name: 'media'
  params: {
    name: 'media${token}'
    location: location
    redundancy: mediaRedundancy
    appPrincipalId: identity.properties.principalId
    eventsPrincipalId: eventsIdentity.properties.principalId
    resultDays: resultDays
    mediaDays: mediaDays
    softDeleteDays: softDeleteDays
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: appName
    location: location
    logDays: logDays
    appPrincipalId: identity.properties.principalId
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  params: {
    name: appName
    location: location
    planSku: planSku
    minInstances: minInstances
    maxInstances: maxInstances
    image: image
    identityId: identity.id
    identityClientId: identity.properties.clientId
    hostAccountName: hostStorage.outputs.name
    mediaBlobUri: media.outputs.blobUri
    mediaQueueUri: media.outputs.queueUri
    insightsConnectionString: monitoring.outputs.connectionString
    settings: settings
    signInClientId: signInClientId
    signInTenantId: signInTenantId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    name: appName
    location: location
    insightsId: monitoring.outputs.insightsId
    appId: app.outputs.id
    mediaAccountName: media.outputs.name
    email: alertEmail
    longestWaitMinutes: longestWaitMinutes
  }
}

// azd hands them to its hooks as variables.
output AZURE_RESOURCE_GROUP string = resourceGroup().name
output APP_NAME string = appName
output APP_ADDRESS string = app.outputs.address
output REGISTRY_NAME string = registry.outputs.name
output MEDIA_ACCOUNT string = media.outputs.name
