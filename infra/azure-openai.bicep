// What the ledger needs of an Azure OpenAI resource that is there already, in whichever resource group.

@description('Name of the Azure OpenAI resource.')
param accountName string

@description('Object id of the identity of the function app.')
param principalId string

@description('Storage account of the ledger; in the region of the Azure OpenAI resource, where logs are exported.')
param storageAccountId string

@description('Whether Azure OpenAI exports its logs and metrics to the storage account.')
param exportLogs bool = false

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/ai-machine-learning#cognitive-services-openai-user
var cognitiveServicesOpenAiUser = '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'

resource account 'Microsoft.CognitiveServices/accounts@2024-10-01' existing = {
  name: accountName
}

resource callAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, cognitiveServicesOpenAiUser)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', cognitiveServicesOpenAiUser)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-cognitiveservices-accounts-logs
resource logExport 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (exportLogs) {
  name: 'aoai-ledger'
  scope: account
  properties: {
    storageAccountId: storageAccountId
    logs: [
      {
        category: 'Audit'
        enabled: true
      }
      {
        category: 'AzureOpenAIRequestUsage'
        enabled: true
      }
      {
        category: 'RequestResponse'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}
