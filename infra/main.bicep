// Everything that OMS needs in one resource group. What differs between dev, test and prod is in
// stages.json; what differs between companies are the parameters (main.bicepparam, docs/deploy.md).
targetScope = 'subscription'

@minLength(1)
@maxLength(30)
@description('Name of the environment in lower case: part of every event (OMS_ENVIRONMENT) and of the resource names.')
param environmentName string

@minLength(1)
@description('Region of all resources.')
param location string

@allowed(['dev', 'test', 'prod'])
@description('Which column of stages.json applies: sizes, redundancy, isolation, budget.')
param stage string

@description('Entra ID principal (best a group) that administers the database and creates its users.')
param databaseAdministratorObjectId string

@description('Display name of that principal; its login name in the database.')
param databaseAdministratorName string

@allowed(['Application', 'Group', 'User'])
@description('Kind of that principal.')
param databaseAdministratorType string = 'Group'

@description('One address that may reach database and vault from outside, where the network is not private. Empty: none.')
param deployerIpAddress string = ''

@description('Issuer of the pipeline\'s tokens, such as https://token.actions.githubusercontent.com: it may then log in as the migration identity. Empty: nobody does.')
param pipelineIssuer string = ''

@description('Subject of those tokens, such as repo:<owner>/<repository>:environment:<environment>.')
param pipelineSubject string = ''

@description('Base URL of the Reference Data API.')
param referenceDataBaseUrl string

@description('Base URL of the Thunderhead API, version included.')
param thunderheadBaseUrl string

@allowed(['basic', 'oauth1', 'oauth2'])
@description('How OMS authenticates with Thunderhead.')
param thunderheadAuth string = 'oauth2'

@description('Client id (oauth2), consumer key (oauth1) or user (basic) at Thunderhead.')
param thunderheadClientId string

@description('Token endpoint of Thunderhead; needed for oauth2.')
param thunderheadTokenUrl string = ''

@description('Scope to ask Thunderhead for with oauth2.')
param thunderheadScope string = ''

@description('Application (client) id of the app registration of the API: the audience of callers\' tokens.')
param apiClientId string

@description('JSON object of caller ids and their source systems (OMS_API_CALLERS).')
param apiCallers string

@description('Application (client) id of the app registration with which people sign in. Empty: no platform sign-in.')
param signInClientId string = ''

@description('Topic of terminal status events, unless a document configuration names another.')
param eventTopic string = 'oms-document-status'

@description('Further topics that a document configuration may name.')
param furtherEventTopics array = []

@description('Consumer groups: objects with topic and group.')
param eventConsumers array = []

@description('Stream diagnostic logs to an event hub, from which Logstash or Elastic Agent reads.')
param streamLogs bool = false

@description('Principal that reads that event hub. Empty: nobody yet.')
param logReaderPrincipalId string = ''

@description('Addresses that alerts and the budget are mailed to.')
param alertEmails array

@description('Where the runbooks can be read: the address of docs/runbooks.')
param runbookBaseUrl string

@description('First day of the month in which the budget begins, such as 2026-12-01. Empty: no budget.')
param budgetStart string = ''

@description('Run the jobs as Azure Container Apps jobs beside the timers (docs/scale.md).')
param scaleOut bool = false

@description('Image of those jobs, in the registry that scaleOut makes: repository:tag.')
param scaleOutImage string = 'oms:latest'

@description('When the processing timer fires: NCRONTAB, six fields, UTC.')
param processingSchedule string = '*/30 * * * * *'

@description('When the monitoring timer fires: NCRONTAB, six fields, UTC.')
param monitoringSchedule string = '15/30 * * * * *'

@description('Further OMS_ settings, by name. They win over those that are made here.')
param furtherSettings object = {}

var abbreviations = loadJsonContent('abbreviations.json')
var sizes = loadJsonContent('stages.json')
var size = sizes[stage]
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = {
  'azd-env-name': environmentName
  application: 'oms'
  stage: stage
}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: '${abbreviations.resourceGroup}oms-${environmentName}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: {
    location: location
    tags: tags
    prefix: abbreviations.managedIdentity
    token: token
    pipelineIssuer: pipelineIssuer
    pipelineSubject: pipelineSubject
  }
}

module network 'modules/network.bicep' = {
  name: 'network'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    abbreviations: abbreviations
    isPrivate: size.privateNetwork
  }
}

module logStream 'modules/logStream.bicep' = if (streamLogs) {
  name: 'logStream'
  scope: group
  params: {
    location: location
    tags: tags
    name: '${abbreviations.eventHubsNamespace}logs-${token}'
    readerPrincipalId: logReaderPrincipalId
  }
}

module observability 'modules/observability.bicep' = {
  name: 'observability'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceName: '${abbreviations.logAnalyticsWorkspace}${token}'
    insightsName: '${abbreviations.applicationInsights}${token}'
    retentionDays: size.logRetentionDays
    dailyGigabytes: size.logDailyGigabytes
    runtimePrincipalId: identities.outputs.runtimePrincipalId
  }
}

var logDestination = {
  workspaceId: observability.outputs.workspaceId
  logRuleId: streamLogs ? logStream!.outputs.ruleId : ''
  logHubName: streamLogs ? logStream!.outputs.hubName : ''
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    tags: tags
    name: '${abbreviations.storageAccount}${token}'
    sku: size.storageSku
    isPrivate: size.privateNetwork
    appSubnetId: network.outputs.appSubnetId
    runtimePrincipalId: identities.outputs.runtimePrincipalId
    logDestination: logDestination
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    location: location
    tags: tags
    name: '${abbreviations.keyVault}${token}'
    retentionDays: size.vaultRetentionDays
    isPrivate: size.privateNetwork
    publicNetworkAccess: size.privateNetwork ? 'Disabled' : 'Enabled'
    appSubnetId: network.outputs.appSubnetId
    jobsSubnetId: network.outputs.jobsSubnetId
    deployerIpAddress: deployerIpAddress
    runtimePrincipalId: identities.outputs.runtimePrincipalId
    logDestination: logDestination
  }
}

module events 'modules/events.bicep' = {
  name: 'events'
  scope: group
  params: {
    location: location
    tags: tags
    name: '${abbreviations.eventHubsNamespace}${token}'
    topics: union([eventTopic], furtherEventTopics)
    consumers: eventConsumers
    size: size.events
    isPrivate: size.privateNetwork
    appSubnetId: network.outputs.appSubnetId
    jobsSubnetId: network.outputs.jobsSubnetId
    runtimePrincipalId: identities.outputs.runtimePrincipalId
    logDestination: logDestination
  }
}

module database 'modules/database.bicep' = {
  name: 'database'
  scope: group
  params: {
    location: location
    tags: tags
    serverName: '${abbreviations.sqlServer}${token}'
    databaseName: '${abbreviations.sqlDatabase}oms'
    administratorObjectId: databaseAdministratorObjectId
    administratorName: databaseAdministratorName
    administratorType: databaseAdministratorType
    size: size.database
    isPrivate: size.privateNetwork
    appSubnetId: network.outputs.appSubnetId
    jobsSubnetId: network.outputs.jobsSubnetId
    deployerIpAddress: deployerIpAddress
    logDestination: logDestination
  }
}

module privateEndpoints 'modules/privateEndpoints.bicep' = if (size.privateNetwork) {
  name: 'privateEndpoints'
  scope: group
  params: {
    location: location
    tags: tags
    prefix: abbreviations.privateEndpoint
    token: token
    networkId: network.outputs.id
    subnetId: network.outputs.endpointSubnetId
    services: [
      {
        name: 'storage'
        id: storage.outputs.id
        part: 'blob'
        zone: 'privatelink.blob.${environment().suffixes.storage}'
      }
      {
        name: 'vault'
        id: vault.outputs.id
        part: 'vault'
        zone: 'privatelink.vaultcore.azure.net'
      }
      {
        name: 'events'
        id: events.outputs.id
        part: 'namespace'
        zone: 'privatelink.servicebus.windows.net'
      }
      {
        name: 'database'
        id: database.outputs.serverId
        part: 'sqlServer'
        zone: 'privatelink${environment().suffixes.sqlServerHostname}'
      }
    ]
  }
}

module settings 'modules/settings.bicep' = {
  name: 'settings'
  scope: group
  params: {
    environmentName: environmentName
    runtimeClientId: identities.outputs.runtimeClientId
    appInsightsConnectionString: observability.outputs.connectionString
    databaseUrl: database.outputs.url
    referenceDataBaseUrl: referenceDataBaseUrl
    thunderheadBaseUrl: thunderheadBaseUrl
    thunderheadAuth: thunderheadAuth
    thunderheadClientId: thunderheadClientId
    thunderheadTokenUrl: thunderheadTokenUrl
    thunderheadScope: thunderheadScope
    kafkaBootstrapServers: events.outputs.bootstrapServers
    eventTopic: eventTopic
    furtherEventTopics: furtherEventTopics
    apiClientId: apiClientId
    apiCallers: apiCallers
    furtherSettings: furtherSettings
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    location: location
    tags: tags
    planName: '${abbreviations.serverFarm}${token}'
    name: '${abbreviations.functionApp}oms-${token}'
    identityId: identities.outputs.runtimeId
    identityClientId: identities.outputs.runtimeClientId
    packageContainerUrl: storage.outputs.packageContainerUrl
    blobEndpoint: storage.outputs.blobEndpoint
    thunderheadSecretUri: vault.outputs.thunderheadSecretUri
    settings: settings.outputs.settings
    processingSchedule: processingSchedule
    monitoringSchedule: monitoringSchedule
    alwaysReadyHttpInstances: size.alwaysReadyHttpInstances
    maximumInstances: size.maximumInstances
    subnetId: network.outputs.appSubnetId
    signInClientId: signInClientId
    logDestination: logDestination
  }
  dependsOn: [privateEndpoints]
}

module signIn 'modules/signIn.bicep' = if (!empty(signInClientId)) {
  name: 'signIn'
  scope: group
  params: {
    appName: app.outputs.name
    clientId: signInClientId
    apiClientId: apiClientId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    actionGroupName: '${abbreviations.actionGroup}${token}'
    emails: alertEmails
    workspaceId: observability.outputs.workspaceId
    databaseId: database.outputs.databaseId
    runbookBaseUrl: runbookBaseUrl
  }
}

module budget 'modules/budget.bicep' = if (!empty(budgetStart)) {
  name: 'budget'
  scope: group
  params: {
    name: '${abbreviations.budget}${token}'
    amount: size.budgetPerMonth
    start: budgetStart
    emails: alertEmails
  }
}

module jobs 'modules/scaleOut.bicep' = if (scaleOut) {
  name: 'scaleOut'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    abbreviations: abbreviations
    image: scaleOutImage
    identityId: identities.outputs.runtimeId
    identityName: identities.outputs.runtimeName
    identityPrincipalId: identities.outputs.runtimePrincipalId
    settings: settings.outputs.settings
    thunderheadSecretUri: vault.outputs.thunderheadSecretUri
    databaseHost: database.outputs.host
    databaseName: database.outputs.name
    subnetId: network.outputs.jobsSubnetId
    isZoneRedundant: size.database.zoneRedundant
    logDestination: logDestination
  }
  dependsOn: [privateEndpoints]
}

// Names and addresses alone: what a deployment outputs is readable by everybody who may read it.
output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output OMS_FUNCTION_APP string = app.outputs.name
output OMS_URL string = app.outputs.url
output OMS_DATABASE_URL string = database.outputs.url
output OMS_KEY_VAULT string = vault.outputs.name
output OMS_RUNTIME_IDENTITY string = identities.outputs.runtimeName
output OMS_RUNTIME_CLIENT_ID string = identities.outputs.runtimeClientId
output OMS_RUNTIME_PRINCIPAL_ID string = identities.outputs.runtimePrincipalId
output OMS_MIGRATION_IDENTITY string = identities.outputs.migrationName
output OMS_MIGRATION_CLIENT_ID string = identities.outputs.migrationClientId
output OMS_LOGS_NAMESPACE string = streamLogs ? logStream!.outputs.namespaceName : ''
output OMS_REGISTRY string = scaleOut ? jobs!.outputs.registryServer : ''
