// Two identities: what runs may read and write rows; what migrates may change tables.
param location string
param tags object
param prefix string
param token string
@description('Who may log in as the migration identity: a pipeline, by its tokens. Empty: nobody.')
param pipelineIssuer string
param pipelineSubject string

resource runtime 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${prefix}oms-run-${token}'
  location: location
  tags: tags
}

resource migration 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${prefix}oms-migrate-${token}'
  location: location
  tags: tags
}

resource pipeline 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = if (!empty(pipelineIssuer)) {
  parent: migration
  name: 'pipeline'
  properties: {
    issuer: pipelineIssuer
    subject: pipelineSubject
    audiences: ['api://AzureADTokenExchange']
  }
}

output runtimeId string = runtime.id
output runtimeName string = runtime.name
output runtimeClientId string = runtime.properties.clientId
output runtimePrincipalId string = runtime.properties.principalId
output migrationName string = migration.name
output migrationClientId string = migration.properties.clientId
