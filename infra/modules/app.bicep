// The function app on Flex Consumption. Runtime and scale are properties here; the app settings
// that say the same on other plans are refused by this one.
param location string
param tags object
param planName string
param name string
param identityId string
param identityClientId string
param packageContainerUrl string
param blobEndpoint string
param thunderheadSecretUri string
param settings object
param processingSchedule string
param monitoringSchedule string
param alwaysReadyHttpInstances int
param maximumInstances int
param subnetId string
@description('App registration with which people sign in. Empty: no platform sign-in.')
param signInClientId string
param logDestination object

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_212: Flex Consumption decides the number of instances; there is none to set
  // checkov:skip=CKV_AZURE_225: zone redundancy of this plan is a preview in some regions only
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_222: callers reach the API over the Internet, with Entra tokens; docs/deploy.md says how to take it off
  // checkov:skip=CKV_AZURE_17: callers prove themselves with Entra tokens, not certificates
  // checkov:skip=CKV_AZURE_212: Flex Consumption has alwaysReady instead, by the stage
  // checkov:skip=CKV_AZURE_213: Flex Consumption has no health check of its own; the alert job-not-run watches from outside
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      // The worker's runtime for the v1 model is pinned in requirements.txt.
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstances
        alwaysReady: alwaysReadyHttpInstances == 0 ? [] : [
          {
            name: 'http'
            instanceCount: alwaysReadyHttpInstances
          }
        ]
        triggers: {
          http: {
            // Each call may hold a database connection; a process has 20 (shared/store).
            perInstanceConcurrency: 16
          }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
  }
}

var platformSettings = {
  AzureWebJobsStorage__blobServiceUri: blobEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  // The worker exports by itself; host.json says the other half. Without these instrumentations, which
  // would show what callers ask for (docs/observability.md).
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'fastapi,httpx,httpx2,requests,urllib,urllib3'
  PROCESSING_SCHEDULE: processingSchedule
  MONITORING_SCHEDULE: monitoringSchedule
  // A reference: the host asks the vault, as keyVaultReferenceIdentity.
  OMS_THUNDERHEAD_CLIENT_SECRET: '@Microsoft.KeyVault(SecretUri=${thunderheadSecretUri})'
}

// In place of a client secret, the platform's sign-in shows a token of the identity, which the app
// registration trusts (a federated credential, docs/deploy.md).
var signInSettings = empty(signInClientId) ? {} : {
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
}

resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  // checkov:skip=CKV_AZURE_13: sign-in is its own resource, signIn
  // checkov:skip=CKV_AZURE_63: these are not site settings: the scanner takes every config for one
  // checkov:skip=CKV_AZURE_65: as above
  // checkov:skip=CKV_AZURE_66: as above
  // checkov:skip=CKV_AZURE_80: as above; and Python
  // checkov:skip=CKV_AZURE_88: as above; Flex Consumption has no file share
  // checkov:skip=CKV_AZURE_222: as above; see app
  parent: app
  name: 'appsettings'
  properties: union(settings, platformSettings, signInSettings)
}

// Nobody publishes with a password.
resource noFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

// To Elasticsearch. Application Insights has the same lines already, by the worker.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(logDestination.logRuleId)) {
  name: 'oms'
  scope: app
  properties: {
    eventHubAuthorizationRuleId: logDestination.logRuleId
    eventHubName: logDestination.logHubName
    logs: [
      {
        category: 'FunctionAppLogs'
        enabled: true
      }
    ]
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
