// Diagnostic logs on their way to Elasticsearch, in a namespace of their own: diagnostic settings
// can write with an authorization rule alone, so this one must allow keys. The namespace of the
// events does not.
param location string
param tags object
param name string
@description('Principal that reads the logs. Empty: nobody yet.')
param readerPrincipalId string

var roles = loadJsonContent('../roles.json')

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  // checkov:skip=CKV_AZURE_228: zone redundancy of a namespace is the region's, no longer a property of ours
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Standard'
    tier: 'Standard'
    capacity: 1
  }
  properties: {
    minimumTlsVersion: '1.2'
    // Azure Monitor writes with a rule, and must come in as a trusted service.
    disableLocalAuth: false
    publicNetworkAccess: 'Enabled'
    isAutoInflateEnabled: true
    maximumThroughputUnits: 4
  }
}

resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: namespace
  name: 'diagnostic-logs'
  properties: {
    partitionCount: 4
    messageRetentionInDays: 3
  }
}

resource readers 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = {
  parent: hub
  name: 'elastic'
}

// What diagnostic settings ask of a rule. Its keys are read by Azure Monitor alone.
resource rule 'Microsoft.EventHub/namespaces/authorizationRules@2024-01-01' = {
  parent: namespace
  name: 'diagnostic-settings'
  properties: {
    rights: ['Listen', 'Manage', 'Send']
  }
}

resource readsLogs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(readerPrincipalId)) {
  name: guid(hub.id, readerPrincipalId, roles['Azure Event Hubs Data Receiver'])
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Event Hubs Data Receiver'])
    principalId: readerPrincipalId
    principalType: 'ServicePrincipal'
  }
}

output namespaceName string = namespace.name
output ruleId string = rule.id
output hubName string = hub.name
