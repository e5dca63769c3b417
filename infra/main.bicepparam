// Everything comes from the environment of azd (`azd env set NAME VALUE`), so one file serves dev,
// test and prod, and `az deployment sub what-if` too. What has no default must be set.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param stage = readEnvironmentVariable('OMS_STAGE')

param databaseAdministratorObjectId = readEnvironmentVariable('OMS_DATABASE_ADMIN_OBJECT_ID')
param databaseAdministratorName = readEnvironmentVariable('OMS_DATABASE_ADMIN_NAME')
param databaseAdministratorType = readEnvironmentVariable('OMS_DATABASE_ADMIN_TYPE', 'Group')
param deployerIpAddress = readEnvironmentVariable('OMS_DEPLOYER_IP', '')
param pipelineIssuer = readEnvironmentVariable('OMS_PIPELINE_ISSUER', '')
param pipelineSubject = readEnvironmentVariable('OMS_PIPELINE_SUBJECT', '')

param referenceDataBaseUrl = readEnvironmentVariable('OMS_REFERENCE_DATA_BASE_URL')
param thunderheadBaseUrl = readEnvironmentVariable('OMS_THUNDERHEAD_BASE_URL')
param thunderheadAuth = readEnvironmentVariable('OMS_THUNDERHEAD_AUTH', 'oauth2')
param thunderheadClientId = readEnvironmentVariable('OMS_THUNDERHEAD_CLIENT_ID')
param thunderheadTokenUrl = readEnvironmentVariable('OMS_THUNDERHEAD_TOKEN_URL', '')
param thunderheadScope = readEnvironmentVariable('OMS_THUNDERHEAD_SCOPE', '')

param apiClientId = readEnvironmentVariable('OMS_API_CLIENT_ID')
param apiCallers = readEnvironmentVariable('OMS_API_CALLERS')
param signInClientId = readEnvironmentVariable('OMS_SIGN_IN_CLIENT_ID', '')

param eventTopic = readEnvironmentVariable('OMS_EVENTS_TOPIC', 'oms-document-status')
param furtherEventTopics = json(readEnvironmentVariable('OMS_EVENTS_ALLOWED_TOPICS', '[]'))
param eventConsumers = json(readEnvironmentVariable('OMS_EVENT_CONSUMERS', '[]'))

param streamLogs = readEnvironmentVariable('OMS_STREAM_LOGS', 'false') == 'true'
param logReaderPrincipalId = readEnvironmentVariable('OMS_LOG_READER_PRINCIPAL_ID', '')
param alertEmails = json(readEnvironmentVariable('OMS_ALERT_EMAILS'))
param runbookBaseUrl = readEnvironmentVariable('OMS_RUNBOOK_BASE_URL')
param budgetStart = readEnvironmentVariable('OMS_BUDGET_START', '')

param scaleOut = readEnvironmentVariable('OMS_SCALE_OUT', 'false') == 'true'
param scaleOutImage = readEnvironmentVariable('OMS_SCALE_OUT_IMAGE', 'oms:latest')
param processingSchedule = readEnvironmentVariable('PROCESSING_SCHEDULE', '*/30 * * * * *')
param monitoringSchedule = readEnvironmentVariable('MONITORING_SCHEDULE', '15/30 * * * * *')
param furtherSettings = json(readEnvironmentVariable('OMS_FURTHER_SETTINGS', '{}'))
