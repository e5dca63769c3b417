// Event Hubs: a hub for each topic, no keys, and the right to send for each hub alone.
param location string
param tags object
param name string
param topics array
@description('Objects with topic and group.')
param consumers array
param size object
param isPrivate bool
param appSubnetId string
param jobsSubnetId string
param runtimePrincipalId string
param logDestination object

var roles = loadJsonContent('../roles.json')

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    // The Kafka endpoint begins with Standard.
    name: 'Standard'
    tier: 'Standard'
    capacity: size.throughputUnits
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    kafkaEnabled: true
    isAutoInflateEnabled: true
    maximumThroughputUnits: size.maximumThroughputUnits
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

resource rules 'Microsoft.EventHub/namespaces/networkRuleSets@2024-01-01' = if (!isPrivate) {
  parent: namespace
  name: 'default'
  properties: {
    defaultAction: 'Deny'
    trustedServiceAccessEnabled: false
    virtualNetworkRules: [
      {
        subnet: {
          id: appSubnetId
        }
      }
      {
        subnet: {
          id: jobsSubnetId
        }
      }
    ]
  }
}

resource hubs 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = [for topic in topics: {
  parent: namespace
  name: topic
  properties: {
    partitionCount: size.partitions
    retentionDescription: {
      cleanupPolicy: 'Delete'
      retentionTimeInHours: size.retentionHours
    }
  }
}]

resource groups 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = [for consumer in consumers: {
  name: '${name}/${consumer.topic}/${consumer.group}'
  dependsOn: [hubs]
}]

resource sendsEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (topic, i) in topics: {
  name: guid(namespace.id, topic, runtimePrincipalId, roles['Azure Event Hubs Data Sender'])
  scope: hubs[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Event Hubs Data Sender'])
    principalId: runtimePrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'oms'
  scope: namespace
  properties: {
    workspaceId: logDestination.workspaceId
    eventHubAuthorizationRuleId: empty(logDestination.logRuleId) ? null : logDestination.logRuleId
    eventHubName: empty(logDestination.logRuleId) ? null : logDestination.logHubName
    logs: [
      {
        category: 'OperationalLogs'
        enabled: true
      }
      {
        category: 'RuntimeAuditLogs'
        enabled: true
      }
    ]
  }
}

output id string = namespace.id
output bootstrapServers string = '${namespace.name}.servicebus.windows.net:9093'
