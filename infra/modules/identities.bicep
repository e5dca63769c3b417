// Two identities: what runs may read and write rows; what migrates may change tables.
param location string
param tags object
param prefix string
param token string

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

output runtimeId string = runtime.id
output runtimeName string = runtime.name
output runtimeClientId string = runtime.properties.clientId
output runtimePrincipalId string = runtime.properties.principalId
output migrationName string = migration.name
output migrationClientId string = migration.properties.clientId
