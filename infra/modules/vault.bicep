// The one secret that others give us: Thunderhead's. A person puts it there; no template sees it.
param location string
param tags object
@maxLength(24)
param name string
param retentionDays int
param isPrivate bool
@description('Made by the caller: the scanner fails on a condition at this place.')
param publicNetworkAccess string
param appSubnetId string
param jobsSubnetId string
@description('One address from which a person may put the secret there. Empty: none.')
param deployerIpAddress string
param runtimePrincipalId string
param logDestination object

var roles = loadJsonContent('../roles.json')
var thunderheadSecret = 'thunderhead-client-secret'

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  // checkov:skip=CKV_AZURE_189: disabled where the network is private; else the subnets of app and jobs alone may come in
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: retentionDays
    enablePurgeProtection: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      defaultAction: 'Deny'
      bypass: 'AzureServices'
      virtualNetworkRules: isPrivate ? [] : [
        {
          id: appSubnetId
        }
        {
          id: jobsSubnetId
        }
      ]
      ipRules: isPrivate || empty(deployerIpAddress) ? [] : [
        {
          value: deployerIpAddress
        }
      ]
    }
  }
}

resource readsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, runtimePrincipalId, roles['Key Vault Secrets User'])
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets User'])
    principalId: runtimePrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'oms'
  scope: vault
  properties: {
    workspaceId: logDestination.workspaceId
    eventHubAuthorizationRuleId: empty(logDestination.logRuleId) ? null : logDestination.logRuleId
    eventHubName: empty(logDestination.logRuleId) ? null : logDestination.logHubName
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

output id string = vault.id
output name string = vault.name
// An address, not the secret.
output thunderheadSecretUri string = '${vault.properties.vaultUri}secrets/${thunderheadSecret}'
