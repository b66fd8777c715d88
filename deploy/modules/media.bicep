// The account with the media, results and job records. Faces are biometric data: no key opens it, only an identity's role.

param name string
param location string
param redundancy string
param appPrincipalId string
param eventsPrincipalId string
param resultDays int
param mediaDays int
param softDeleteDays int

var roles = loadJsonContent('../roles.json')
var names = loadJsonContent('../names.json')
var appRoles = [
  roles['Storage Blob Data Owner']
  roles['Storage Queue Data Contributor']
]

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  location: location
  tags: { part: 'media' }
  kind: 'StorageV2'
  sku: { name: redundancy }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: softDeleteDays > 0 ? { enabled: true, days: softDeleteDays } : { enabled: false }
    containerDeleteRetentionPolicy: softDeleteDays > 0 ? { enabled: true, days: softDeleteDays } : { enabled: false }
  }
}

resource results 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: names.outputContainer
}

resource jobs 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: names.jobsContainer
}

resource deadLetters 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: names.deadLetterContainer
}

var resultRule = {
  enabled: resultDays > 0
  name: 'results'
  type: 'Lifecycle'
  definition: {
    filters: {
      blobTypes: ['blockBlob']
      prefixMatch: ['${names.outputContainer}/', '${names.jobsContainer}/', '${names.deadLetterContainer}/']
    }
    actions: {
      // A disabled rule must have a number, too.
      baseBlob: { delete: { daysAfterModificationGreaterThan: max(resultDays, 1) } }
    }
  }
}

var mediaRule = {
  enabled: mediaDays > 0
  name: 'everything'
  type: 'Lifecycle'
  definition: {
    // The media's containers have nothing in common by which a filter could name them.
    filters: {
      blobTypes: ['blockBlob']
    }
    actions: {
      baseBlob: { delete: { daysAfterModificationGreaterThan: max(mediaDays, 1) } }
    }
  }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: { rules: [resultRule, mediaRule] }
  }
}

resource appMay 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in appRoles: {
  name: guid(account.id, appPrincipalId, role)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

// Here rather than in events.bicep: a role takes minutes to work.
resource eventsMay 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(deadLetters.id, eventsPrincipalId, roles['Storage Blob Data Contributor'])
  scope: deadLetters
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Contributor'])
    principalId: eventsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

output name string = account.name
output blobUri string = account.properties.primaryEndpoints.blob
output queueUri string = account.properties.primaryEndpoints.queue
