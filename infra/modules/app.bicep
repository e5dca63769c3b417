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
param appInsightsConnectionString string
param thunderheadSecretUri string
param settings object
param processingSchedule string
param monitoringSchedule string
param alwaysReadyHttpInstances int
param maximumInstances int
param subnetId string
@description('App registration with which people sign in. Empty: no platform sign-in.')
param signInClientId string
param apiClientId string
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
  APPLICATIONINSIGHTS_CONNECTION_STRING: appInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
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

// Sign-in for people. Calls without a session pass: the API checks its bearer tokens itself, health
// is open, and the console sends people here. A bearer token that comes along is checked here too,
// so the API's audience is on the list: a token of anybody else would end in the platform's 401.
resource signIn 'Microsoft.Web/sites/config@2024-04-01' = if (!empty(signInClientId)) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: signInClientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            signInClientId
            apiClientId
            'api://${apiClientId}'
          ]
        }
      }
    }
    login: {
      // No token is kept: the console needs the principal alone.
      tokenStore: {
        enabled: false
      }
      cookieExpiration: {
        convention: 'FixedTime'
        timeToExpiration: '08:00:00'
      }
    }
  }
  dependsOn: [appSettings]
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
