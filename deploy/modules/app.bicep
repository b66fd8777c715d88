// The function app: its plan, its container, its settings, and who may sign in.

param name string
param location string
param planSku string
param minInstances int
param maxInstances int
param image string
param identityId string
param identityClientId string
param hostAccountName string
param mediaBlobUri string
param mediaQueueUri string
param insightsConnectionString string
param settings object
param signInClientId string
param signInTenantId string

var elastic = startsWith(planSku, 'EP')
// Until there is an image: Microsoft's own, with no function in it.
var firstImage = 'mcr.microsoft.com/azure-functions/python:4-python3.13'
// Not a root's port: the container runs as an ordinary user.
var port = '8080'
var alivePath = '/admin/host/ping'
var webhookPath = '/runtime/webhooks/blobs'

var hostSettings = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  ASPNETCORE_URLS: 'http://+:${port}'
  // The image names one for all apps; two apps with one name must not share an account.
  AzureFunctionsWebHost__hostid: name
  AzureWebJobsStorage__accountName: hostAccountName
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'python'
  MediaStorage__blobServiceUri: mediaBlobUri
  MediaStorage__clientId: identityClientId
  MediaStorage__credential: 'managedidentity'
  MediaStorage__queueServiceUri: mediaQueueUri
  // More than maxDegreeOfParallelism in host.json: each invocation holds a thread.
  PYTHON_THREADPOOL_THREAD_COUNT: '40'
  // Seconds until the port must answer; 230 otherwise, which a busy new instance may miss.
  WEBSITES_CONTAINER_START_TIME_LIMIT: '600'
  WEBSITES_ENABLE_APP_SERVICE_STORAGE: 'false'
  WEBSITES_PORT: port
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: name
  location: location
  kind: elastic ? 'elastic' : 'linux'
  sku: {
    name: planSku
    tier: elastic ? 'ElasticPremium' : (planSku == 'P0v3' ? 'Premium0V3' : 'PremiumV3')
    capacity: minInstances
  }
  properties: {
    // Linux.
    reserved: true
    maximumElasticWorkerCount: elastic ? max(maxInstances, minInstances) : null
  }
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  kind: 'functionapp,linux,container'
  tags: { part: 'app' }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    reserved: true
    httpsOnly: true
    clientAffinityEnabled: false
    siteConfig: {
      linuxFxVersion: 'DOCKER|${empty(image) ? firstImage : image}'
      acrUseManagedIdentityCreds: true
      acrUserManagedIdentityID: identityClientId
      alwaysOn: !elastic
      minimumElasticInstanceCount: elastic ? minInstances : null
      ftpsState: 'Disabled'
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      healthCheckPath: alivePath
      appSettings: [for setting in items(union(hostSettings, settings)): {
        name: setting.key
        value: setting.value
      }]
    }
  }
}

// No publishing with a password: the image comes from the registry.
resource noFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'ftp'
  properties: { allow: false }
}

resource noScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'scm'
  properties: { allow: false }
}

// Always there, so that taking the client id away switches it off again.
resource signIn 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: site
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: !empty(signInClientId) }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      // Event Grid can't sign in, it has the webhook's key; each path is to be named in full.
      excludedPaths: [webhookPath, alivePath]
    }
    identityProviders: empty(signInClientId) ? {} : {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: signInClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${signInTenantId}/v2.0'
        }
        validation: { allowedAudiences: [signInClientId] }
      }
    }
    // The app needs to know who it is, and nobody's tokens.
    login: { tokenStore: { enabled: false } }
  }
}

output id string = site.id
output address string = 'https://${site.properties.defaultHostName}'
