// Who is told of what. docs/deployment.md says what each alert means and what to do.

param name string
param location string
param insightsId string
param appId string
param mediaAccountName string
param email string
param longestWaitMinutes int

var rules = [
  {
    name: 'given-up'
    title: 'A job was given up after five tries'
    query: loadTextContent('../alerts/given_up.kql')
    severity: 1
  }
  {
    name: 'without-result'
    title: 'A job ended without a result'
    query: loadTextContent('../alerts/without_result.kql')
    severity: 2
  }
  {
    name: 'waited-long'
    title: 'A medium waited long for its first try'
    query: replace(loadTextContent('../alerts/waited_long.kql'), 'LONGEST_WAIT', string(longestWaitMinutes))
    severity: 2
  }
]

// Without an address it tells nobody, and alerts show in the portal only.
resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  properties: {
    groupShortName: 'openface'
    enabled: true
    emailReceivers: empty(email) ? [] : [
      {
        name: 'operator'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = [for rule in rules: {
  name: '${name}-${rule.name}'
  location: location
  properties: {
    displayName: rule.title
    severity: rule.severity
    scopes: [insightsId]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    // Before the first log line there is no table to check a query against.
    skipQueryValidation: true
    autoMitigate: false
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}]

resource mediaAccount 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: mediaAccountName
}

// The only queue of the media's account is the poison queue. Azure counts in hours rather than minutes, and needs no log:
// the net below the first alert.
resource poisonMessages 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-poison-queue'
  location: 'global'
  properties: {
    description: 'There are messages in the poison queue'
    severity: 2
    enabled: true
    scopes: ['${mediaAccount.id}/queueServices/default']
    evaluationFrequency: 'PT1H'
    windowSize: 'PT1H'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'messages'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.Storage/storageAccounts/queueServices'
          metricName: 'QueueMessageCount'
          skipMetricValidation: true
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}

resource unwell 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-unwell'
  location: 'global'
  properties: {
    description: 'The app does not answer'
    severity: 1
    enabled: true
    scopes: [appId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'health'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.Web/sites'
          metricName: 'HealthCheckStatus'
          skipMetricValidation: true
          timeAggregation: 'Average'
          operator: 'LessThan'
          threshold: 50
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}
