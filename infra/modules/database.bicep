// Azure SQL, serverless, with Entra ID alone. Users and their rights are made after provisioning
// (infra/hooks): a template cannot reach into the database.
param location string
param tags object
param serverName string
param databaseName string
param administratorObjectId string
param administratorName string
param administratorType string
param size object
param isPrivate bool
param appSubnetId string
param jobsSubnetId string
@description('One address that may come in from outside. Empty: none.')
param deployerIpAddress string
param logDestination object

resource server 'Microsoft.Sql/servers@2023-08-01' = {
  // checkov:skip=CKV_AZURE_113: disabled where the network is private; else the subnets of app and jobs alone may come in
  name: serverName
  location: location
  tags: tags
  properties: {
    version: '12.0'
    minimalTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    administrators: {
      administratorType: 'ActiveDirectory'
      azureADOnlyAuthentication: true
      principalType: administratorType
      login: administratorName
      sid: administratorObjectId
      tenantId: tenant().tenantId
    }
  }
}

resource entraOnly 'Microsoft.Sql/servers/azureADOnlyAuthentications@2023-08-01' = {
  parent: server
  name: 'Default'
  properties: {
    azureADOnlyAuthentication: true
  }
}

resource database 'Microsoft.Sql/servers/databases@2023-08-01' = {
  // checkov:skip=CKV_AZURE_229: zone-redundant in prod (stages.json)
  // checkov:skip=CKV_AZURE_26: threat alerts are on, at the server (alertsOfThreats); the mails go to the administrators of the subscription
  // checkov:skip=CKV_AZURE_27: as above
  parent: server
  name: databaseName
  location: location
  tags: tags
  sku: {
    name: 'GP_S_Gen5'
    tier: 'GeneralPurpose'
    family: 'Gen5'
    capacity: size.vCores
  }
  properties: {
    // The timers keep it awake: a pause would cost them up to a minute and save nothing.
    autoPauseDelay: -1
    minCapacity: json(size.minimumVCores)
    maxSizeBytes: size.maximumGigabytes * 1073741824
    zoneRedundant: size.zoneRedundant
    requestedBackupStorageRedundancy: size.backupRedundancy
    collation: 'SQL_Latin1_General_CP1_CI_AS'
  }
}

resource backups 'Microsoft.Sql/servers/databases/backupShortTermRetentionPolicies@2023-08-01' = {
  parent: database
  name: 'default'
  properties: {
    retentionDays: size.backupDays
  }
}

// App and jobs come through their subnets. There is no rule for 0.0.0.0: that would be all of Azure.
resource fromTheApp 'Microsoft.Sql/servers/virtualNetworkRules@2023-08-01' = if (!isPrivate) {
  parent: server
  name: 'app'
  properties: {
    virtualNetworkSubnetId: appSubnetId
  }
}

resource fromTheJobs 'Microsoft.Sql/servers/virtualNetworkRules@2023-08-01' = if (!isPrivate) {
  parent: server
  name: 'jobs'
  properties: {
    virtualNetworkSubnetId: jobsSubnetId
  }
}

resource fromTheDeployer 'Microsoft.Sql/servers/firewallRules@2023-08-01' = if (!isPrivate && !empty(deployerIpAddress)) {
  parent: server
  name: 'deployer'
  properties: {
    startIpAddress: deployerIpAddress
    endIpAddress: deployerIpAddress
  }
}

resource auditing 'Microsoft.Sql/servers/auditingSettings@2023-08-01' = {
  parent: server
  name: 'default'
  properties: {
    state: 'Enabled'
    // Into the workspace, which keeps it as long as everything else (logRetentionDays).
    isAzureMonitorTargetEnabled: true
    // Logins and changes of rights and tables. Not every statement: rows are personal data.
    auditActionsAndGroups: [
      'SUCCESSFUL_DATABASE_AUTHENTICATION_GROUP'
      'FAILED_DATABASE_AUTHENTICATION_GROUP'
      'DATABASE_PERMISSION_CHANGE_GROUP'
      'DATABASE_ROLE_MEMBER_CHANGE_GROUP'
      'DATABASE_PRINCIPAL_CHANGE_GROUP'
      'SCHEMA_OBJECT_CHANGE_GROUP'
    ]
  }
}

resource alertsOfThreats 'Microsoft.Sql/servers/securityAlertPolicies@2023-08-01' = {
  parent: server
  name: 'Default'
  properties: {
    state: 'Enabled'
    emailAccountAdmins: true
  }
}

// Where the audit of a server goes is a setting of its master database.
resource master 'Microsoft.Sql/servers/databases@2023-08-01' existing = {
  parent: server
  name: 'master'
}

resource auditLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: master
  properties: {
    workspaceId: logDestination.workspaceId
    eventHubAuthorizationRuleId: empty(logDestination.logRuleId) ? null : logDestination.logRuleId
    eventHubName: empty(logDestination.logRuleId) ? null : logDestination.logHubName
    logs: [
      {
        category: 'SQLSecurityAuditEvents'
        enabled: true
      }
    ]
  }
  dependsOn: [auditing, database]
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'oms'
  scope: database
  properties: {
    workspaceId: logDestination.workspaceId
    eventHubAuthorizationRuleId: empty(logDestination.logRuleId) ? null : logDestination.logRuleId
    eventHubName: empty(logDestination.logRuleId) ? null : logDestination.logHubName
    // Not Errors and QueryStoreRuntimeStatistics: they quote statements.
    logs: [
      {
        category: 'Deadlocks'
        enabled: true
      }
      {
        category: 'Timeouts'
        enabled: true
      }
      {
        category: 'Blocks'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'Basic'
        enabled: true
      }
    ]
  }
}

output serverId string = server.id
output databaseId string = database.id
output host string = server.properties.fullyQualifiedDomainName
output name string = database.name
// No user, no password: Entra ID.
output url string = 'mssql+pyodbc://${server.properties.fullyQualifiedDomainName}/${database.name}?driver=ODBC+Driver+18+for+SQL+Server'
