// Usage records in Log Analytics: a custom table, the rule that takes them in, and the app's right to send.
// Deployed alone, into the resource group of the workspace (docs/exports.md). Its outputs are settings of the app.

@description('Region of the rule: that of the workspace.')
param location string = resourceGroup().location

@minLength(1)
@description('Name of the Log Analytics workspace.')
param workspaceName string

@minLength(1)
@description('Object id of the identity of the app: the output principalId of app.bicep.')
param principalId string

@description('Tags of the rule.')
param tags object = {}

@description('Days for which rows are kept.')
@minValue(4)
@maxValue(730)
param retentionInDays int = 365

var tableName = 'AoaiUsage_CL'
var streamName = 'Custom-${tableName}'
// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

// As shared/domain/log_rows.py has them: what is not here the service drops without a word.
var columns = [
  {
    name: 'TimeGenerated'
    type: 'datetime'
  }
  {
    name: 'CallId'
    type: 'string'
  }
  {
    name: 'BegunAt'
    type: 'datetime'
  }
  {
    name: 'EndedAt'
    type: 'datetime'
  }
  {
    name: 'DurationMs'
    type: 'long'
  }
  {
    name: 'FirstChunkMs'
    type: 'long'
  }
  {
    name: 'PrincipalTenantId'
    type: 'string'
  }
  {
    name: 'PrincipalObjectId'
    type: 'string'
  }
  {
    name: 'AppId'
    type: 'string'
  }
  {
    name: 'PrincipalKind'
    type: 'string'
  }
  {
    name: 'PrincipalName'
    type: 'string'
  }
  {
    name: 'KeyId'
    type: 'string'
  }
  {
    name: 'Operation'
    type: 'string'
  }
  {
    name: 'Method'
    type: 'string'
  }
  {
    name: 'Resource'
    type: 'string'
  }
  {
    name: 'Deployment'
    type: 'string'
  }
  {
    name: 'Model'
    type: 'string'
  }
  {
    name: 'RequestedModel'
    type: 'string'
  }
  {
    name: 'ApiVersion'
    type: 'string'
  }
  {
    name: 'Streamed'
    type: 'boolean'
  }
  {
    name: 'Status'
    type: 'long'
  }
  {
    name: 'Outcome'
    type: 'string'
  }
  {
    name: 'PromptTokens'
    type: 'long'
  }
  {
    name: 'CompletionTokens'
    type: 'long'
  }
  {
    name: 'TotalTokens'
    type: 'long'
  }
  {
    name: 'CachedTokens'
    type: 'long'
  }
  {
    name: 'ReasoningTokens'
    type: 'long'
  }
  {
    name: 'CacheWriteTokens'
    type: 'long'
  }
  {
    name: 'AudioPromptTokens'
    type: 'long'
  }
  {
    name: 'AudioCompletionTokens'
    type: 'long'
  }
  {
    name: 'UsageSource'
    type: 'string'
  }
  {
    name: 'UsageMethod'
    type: 'string'
  }
  {
    name: 'AuditPromptTokens'
    type: 'long'
  }
  {
    name: 'AuditCompletionTokens'
    type: 'long'
  }
  {
    name: 'AuditMethod'
    type: 'string'
  }
  {
    name: 'AuditShape'
    type: 'string'
  }
  {
    name: 'FinishReason'
    type: 'string'
  }
  {
    name: 'ErrorCode'
    type: 'string'
  }
  {
    name: 'ApimRequestId'
    type: 'string'
  }
  {
    name: 'Region'
    type: 'string'
  }
  {
    name: 'ServiceTier'
    type: 'string'
  }
  {
    name: 'SpilledOver'
    type: 'boolean'
  }
  {
    name: 'CostUsd'
    type: 'real'
  }
  {
    name: 'PriceSource'
    type: 'string'
  }
  {
    name: 'Provisioned'
    type: 'boolean'
  }
  {
    name: 'Origin'
    type: 'string'
  }
  {
    name: 'RequestBytes'
    type: 'long'
  }
  {
    name: 'TextOnly'
    type: 'boolean'
  }
  {
    name: 'ResponseBytes'
    type: 'long'
  }
  {
    name: 'CallerAddress'
    type: 'string'
  }
  {
    name: 'UserLabel'
    type: 'string'
  }
  {
    name: 'CostUsdExact'
    type: 'string'
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

resource table 'Microsoft.OperationalInsights/workspaces/tables@2023-09-01' = {
  parent: workspace
  name: tableName
  properties: {
    plan: 'Analytics'
    retentionInDays: retentionInDays
    totalRetentionInDays: retentionInDays
    schema: {
      name: tableName
      columns: columns
    }
  }
}

// Of kind Direct, it has an endpoint of its own.
resource rule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: 'dcr-aoai-ledger-${uniqueString(workspace.id)}'
  location: location
  tags: tags
  kind: 'Direct'
  properties: {
    streamDeclarations: {
      'Custom-AoaiUsage_CL': {
        columns: columns
      }
    }
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspace.id
        }
      ]
    }
    dataFlows: [
      {
        streams: [
          streamName
        ]
        destinations: [
          'workspace'
        ]
        transformKql: 'source'
        outputStream: streamName
      }
    ]
  }
  dependsOn: [
    table
  ]
}

resource ruleAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(rule.id, principalId, monitoringMetricsPublisher)
  scope: rule
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

output LOGS_INGESTION_ENDPOINT string = rule.properties.endpoints.logsIngestion
output LOGS_INGESTION_RULE_ID string = rule.properties.immutableId
output LOGS_INGESTION_STREAM string = streamName
