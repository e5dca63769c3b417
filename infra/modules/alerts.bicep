// What wakes somebody. Every alert names the page that says what to do (docs/runbooks).
//
// The figures are those of docs/observability.md: metrics of the meter `oms`, in the table
// AppMetrics; the limits are those of the rules for Elasticsearch. A rule that finds no figure at
// all is silent, but job-not-run: that one asks for signs of life.
param location string
param tags object
param actionGroupName string
param emails array
param workspaceId string
param databaseId string
param runbookBaseUrl string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'oms'
    emailReceivers: [for (email, i) in emails: {
      name: 'mail-${i}'
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

// The newest figure of each series in the window, and whether it is above the limit.
var newest = 'summarize arg_max(TimeGenerated, *) by Series | extend Figure = Sum / ItemCount | where Figure > '

var alerts = [
  {
    runbook: 'not-submitted-in-time'
    title: 'Requests wait too long to be submitted'
    severity: 2
    every: 'PT5M'
    window: 'PT15M'
    query: 'AppMetrics | where Name == "oms.request.oldest.age" | extend Series = tostring(Properties["oms.request.status"]) | where Series in ("RECEIVED", "PROCESSING") | ${newest} 900'
  }
  {
    runbook: 'no-outcome-in-time'
    title: 'Submitted requests wait too long for their outcome'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    query: 'AppMetrics | where Name == "oms.request.oldest.age" | extend Series = tostring(Properties["oms.request.status"]) | where Series == "SUBMITTED" | ${newest} 14400'
  }
  {
    runbook: 'held'
    title: 'Requests are HELD: a person decides'
    severity: 1
    every: 'PT15M'
    window: 'PT30M'
    query: 'AppMetrics | where Name == "oms.request.count" | extend Series = tostring(Properties["oms.request.status"]) | where Series == "HELD" | ${newest} 0'
  }
  {
    runbook: 'failure-rate'
    title: 'More requests FAIL than usual'
    severity: 2
    every: 'PT15M'
    window: 'PT1H'
    query: 'AppMetrics | where Name == "oms.request.transitions" | extend Status = tostring(Properties["oms.request.status"]) | summarize Failed = sumif(Sum, Status == "FAILED"), Ended = sumif(Sum, Status in ("FAILED", "COMPLETED")) | where Ended >= 20 and Failed > 0.05 * Ended'
  }
  {
    runbook: 'outbox-growing'
    title: 'Events wait to be published'
    severity: 2
    every: 'PT5M'
    window: 'PT15M'
    query: 'AppMetrics | where Name == "oms.outbox.oldest.age" | extend Series = tostring(Properties["oms.outbox.state"]) | where Series == "PENDING" | ${newest} 600'
  }
  {
    runbook: 'job-not-run'
    title: 'A job has not run'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    query: 'let jobs = datatable(Job: string)["processing", "monitoring"]; jobs | join kind=leftanti (AppMetrics | where Name == "oms.job.run.duration" | extend Failure = tostring(Properties["error.type"]) | where Failure == "" | extend Job = tostring(Properties["oms.job"]) | distinct Job) on Job'
  }
  {
    runbook: 'reference-data-stale'
    title: 'Reference data cannot be renewed'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    query: 'AppMetrics | where Name == "oms.reference_data.stale.age" | extend Series = "" | ${newest} 3600'
  }
  {
    runbook: 'thunderhead-paused'
    title: 'Nothing is submitted to Thunderhead'
    severity: 2
    every: 'PT5M'
    window: 'PT15M'
    query: 'AppMetrics | where Name == "oms.dependency.pause.age" | extend Series = tostring(Properties["oms.dependency"]) | where Series in ("thunderhead", "submissions") | ${newest} 900'
  }
  {
    runbook: 'event-set-aside'
    title: 'An event was set aside: the broker refused it'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    query: 'AppMetrics | where Name == "oms.outbox.events" | extend Series = tostring(Properties["oms.outbox.state"]) | where Series == "SET_ASIDE" | ${newest} 0'
  }
]

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alert in alerts: {
  name: alert.runbook
  location: location
  tags: tags
  properties: {
    displayName: alert.title
    description: 'What to do: ${runbookBaseUrl}/${alert.runbook}.md'
    severity: alert.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: alert.every
    windowSize: alert.window
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [people.id]
      customProperties: {
        runbook: '${runbookBaseUrl}/${alert.runbook}.md'
      }
    }
  }
}]

// The platform's own figures of the database, in per cent of its limits.
var limits = [
  { metric: 'storage_percent', threshold: 80 }
  { metric: 'log_write_percent', threshold: 90 }
  { metric: 'cpu_percent', threshold: 90 }
  { metric: 'workers_percent', threshold: 80 }
]

resource databaseLimits 'Microsoft.Insights/metricAlerts@2018-03-01' = [for limit in limits: {
  name: 'database-near-limit-${limit.metric}'
  location: 'global'
  tags: tags
  properties: {
    description: 'The database is near a limit. What to do: ${runbookBaseUrl}/database-near-limit.md'
    severity: 2
    enabled: true
    scopes: [databaseId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: limit.metric
          metricName: limit.metric
          operator: 'GreaterThan'
          threshold: limit.threshold
          timeAggregation: 'Average'
        }
      ]
    }
    actions: [
      {
        actionGroupId: people.id
        webHookProperties: {
          runbook: '${runbookBaseUrl}/database-near-limit.md'
        }
      }
    ]
  }
}]
