// Logs, traces and metrics. Nothing is sent with a key: local authentication is off.
param location string
param tags object
param workspaceName string
param insightsName string
param retentionDays int
@description('Gigabytes a day after which the workspace takes no more: a fault must not cost a fortune.')
param dailyGigabytes int
param runtimePrincipalId string

var roles = loadJsonContent('../roles.json')

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    workspaceCapping: {
      dailyQuotaGb: dailyGigabytes
    }
    features: {
      disableLocalAuth: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

resource publishesTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, runtimePrincipalId, roles['Monitoring Metrics Publisher'])
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Monitoring Metrics Publisher'])
    principalId: runtimePrincipalId
    principalType: 'ServicePrincipal'
  }
}

output workspaceId string = workspace.id
// Not a secret where local authentication is off: an address, and ids.
output connectionString string = insights.properties.ConnectionString
