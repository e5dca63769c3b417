// For those who outgrow the timers: the same commands as Container Apps jobs, as many at once as
// there is work. They share the database with the timers, which go on; it decides who does what.
param location string
param tags object
param token string
param abbreviations object
@description('repository:tag in the registry that is made here.')
param image string
param identityId string
param identityName string
param identityPrincipalId string
param settings object
param thunderheadSecretUri string
param databaseHost string
param databaseName string
param subnetId string
param isZoneRedundant bool
param logDestination object

var roles = loadJsonContent('../roles.json')

resource registry 'Microsoft.ContainerRegistry/registries@2023-11-01-preview' = {
  // checkov:skip=CKV_AZURE_139: images are public code and hold no secret; a private registry needs Premium
  // checkov:skip=CKV_AZURE_164: content trust is retired; the jobs run by tag from this registry alone
  // checkov:skip=CKV_AZURE_165: one region
  // checkov:skip=CKV_AZURE_166: quarantine needs Premium
  // checkov:skip=CKV_AZURE_167: retention of untagged manifests needs Premium
  // checkov:skip=CKV_AZURE_233: zone redundancy needs Premium
  // checkov:skip=CKV_AZURE_237: dedicated data endpoints need Premium
  name: '${abbreviations.containerRegistry}${token}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
  }
}

resource pullsImages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, identityPrincipalId, roles.AcrPull)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.AcrPull)
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource containerEnvironment 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: '${abbreviations.containerAppsEnvironment}${token}'
  location: location
  tags: tags
  properties: {
    zoneRedundant: isZoneRedundant
    vnetConfiguration: {
      infrastructureSubnetId: subnetId
      internal: true
    }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
    appLogsConfiguration: {
      destination: 'azure-monitor'
    }
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'oms'
  scope: containerEnvironment
  properties: {
    workspaceId: logDestination.workspaceId
    eventHubAuthorizationRuleId: empty(logDestination.logRuleId) ? null : logDestination.logRuleId
    eventHubName: empty(logDestination.logRuleId) ? null : logDestination.logHubName
    logs: [
      {
        category: 'ContainerAppConsoleLogs'
        enabled: true
      }
      {
        category: 'ContainerAppSystemLogs'
        enabled: true
      }
    ]
  }
}

// What is due, counted to a limit: a count without one would be a scan on the hottest index. One
// more job for every `perJob` of it.
var work = [
  {
    command: 'process'
    perJob: '2000'
    query: 'SELECT (SELECT COUNT(*) FROM (SELECT TOP (20000) request_id FROM dbo.document_requests WHERE status = \'RECEIVED\' AND due_at IS NOT NULL AND due_at <= SYSUTCDATETIME()) AS received) + (SELECT COUNT(*) FROM (SELECT TOP (20000) batch_id FROM dbo.batches WHERE state = \'SUBMITTING\' AND due_at IS NOT NULL AND due_at <= SYSUTCDATETIME()) AS submitting)'
  }
  {
    command: 'monitor'
    perJob: '100'
    query: 'SELECT (SELECT COUNT(*) FROM (SELECT TOP (2000) batch_id FROM dbo.batches WHERE state = \'SUBMITTED\' AND due_at IS NOT NULL AND due_at <= SYSUTCDATETIME()) AS submitted) + (SELECT COUNT(*) + 499 FROM (SELECT TOP (20000) event_id FROM dbo.outbox WHERE state = \'PENDING\' AND due_at IS NOT NULL AND due_at <= SYSUTCDATETIME()) AS pending) / 500'
  }
]

var secretName = 'thunderhead-client-secret'
var secretSettings = [
  {
    name: 'OMS_THUNDERHEAD_CLIENT_SECRET'
    secretRef: secretName
  }
]
var plainSettings = [for setting in items(settings): {
  name: setting.key
  value: setting.value
}]

resource jobs 'Microsoft.App/jobs@2025-01-01' = [for job in work: {
  name: '${abbreviations.containerAppsJob}${job.command}-${token}'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    environmentId: containerEnvironment.id
    workloadProfileName: 'Consumption'
    configuration: {
      triggerType: 'Event'
      // A run takes up work for OMS_RUN_BUDGET_SECONDS and finishes what it holds: as functionTimeout.
      replicaTimeout: 900
      // The next run takes over what a failed one left.
      replicaRetryLimit: 0
      registries: [
        {
          server: registry.properties.loginServer
          identity: identityId
        }
      ]
      secrets: [
        {
          name: secretName
          keyVaultUrl: thunderheadSecretUri
          identity: identityId
        }
      ]
      eventTriggerConfig: {
        parallelism: 1
        replicaCompletionCount: 1
        scale: {
          minExecutions: 0
          maxExecutions: 8
          pollingInterval: 30
          rules: [
            {
              name: 'work-due'
              type: 'mssql'
              // Without a password: KEDA 2.20 and later, as the identity (docs/scale.md).
              identity: identityId
              metadata: {
                host: databaseHost
                port: '1433'
                database: databaseName
                username: identityName
                query: job.query
                targetValue: job.perJob
              }
            }
          ]
        }
      }
    }
    template: {
      containers: [
        {
          name: job.command
          image: '${registry.properties.loginServer}/${image}'
          args: [job.command, '--until-idle']
          env: concat(plainSettings, secretSettings)
          resources: {
            cpu: json('1.0')
            memory: '2Gi'
          }
        }
      ]
    }
  }
  dependsOn: [pullsImages]
}]

output registryServer string = registry.properties.loginServer
