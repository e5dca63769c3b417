// The settings that the app and the jobs share (docs/settings.md). A test holds them to
// shared/settings: every name is known there, and what is required there is here.
param environmentName string
param runtimeClientId string
param appInsightsConnectionString string
param databaseUrl string
param referenceDataBaseUrl string
param thunderheadBaseUrl string
param thunderheadAuth string
param thunderheadClientId string
param thunderheadTokenUrl string
param thunderheadScope string
param kafkaBootstrapServers string
param eventTopic string
param furtherEventTopics array
param apiClientId string
param apiCallers string
param furtherSettings object

// An empty value counts as not set.
var settings = {
  // The identity that azure-identity uses: there may be several.
  AZURE_CLIENT_ID: runtimeClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: appInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${runtimeClientId};Authorization=AAD'
  OMS_ENVIRONMENT: environmentName
  OMS_TELEMETRY: 'azure-monitor'
  // Every trace: five a second is what the exporter would keep otherwise.
  OTEL_TRACES_SAMPLER: 'parentbased_always_on'
  OMS_DATABASE_URL: databaseUrl
  OMS_REFERENCE_DATA_BASE_URL: referenceDataBaseUrl
  OMS_THUNDERHEAD_BASE_URL: thunderheadBaseUrl
  OMS_THUNDERHEAD_AUTH: thunderheadAuth
  OMS_THUNDERHEAD_CLIENT_ID: thunderheadClientId
  OMS_THUNDERHEAD_TOKEN_URL: thunderheadTokenUrl
  OMS_THUNDERHEAD_SCOPE: thunderheadScope
  OMS_EVENTS_TRANSPORT: 'kafka'
  OMS_KAFKA_BOOTSTRAP_SERVERS: kafkaBootstrapServers
  OMS_KAFKA_SECURITY: 'entra'
  OMS_EVENTS_TOPIC: eventTopic
  OMS_EVENTS_ALLOWED_TOPICS: string(furtherEventTopics)
  OMS_API_AUTH: 'entra'
  OMS_API_ISSUER: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  OMS_API_AUDIENCE: apiClientId
  OMS_API_ROLE: 'DocumentRequests.Submit'
  OMS_API_CALLERS: apiCallers
  OMS_CONSOLE_AUTH: 'platform'
}

output settings object = union(settings, furtherSettings)
