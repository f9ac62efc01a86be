// What `azd provision` deploys: a resource group with the ledger in it, and its access to Azure OpenAI.
// Only native resources: modules of a registry could be checked neither offline nor by tests/infra.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the azd environment; the resource group is called rg-NAME.')
param environmentName string

@minLength(1)
@description('Region. Where logs are exported it must be that of the Azure OpenAI resource.')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@minLength(1)
@description('Endpoint of Azure OpenAI: https://NAME.openai.azure.com')
param azureOpenAiEndpoint string

@description('Resource id of Azure OpenAI, whose role Cognitive Services OpenAI User the app gets. None: grant it yourself.')
param azureOpenAiResourceId string = ''

@description('Whether Azure OpenAI exports its logs and metrics to the storage account of the ledger.')
param exportAzureOpenAiLogs bool = false

@description('Entra tenants whose access tokens are taken, comma separated. Empty: the tenant of this subscription.')
param entraTenantIds string = ''

@description('Audiences of access tokens, comma separated. Empty: those that clients of Azure OpenAI ask for already.')
param entraAudiences string = ''

@description('App role that callers with an access token must have. Empty: none.')
param entraRequiredRole string = ''

@description('Object id of who issues gateway keys and reads the tables. Empty: nobody is given access.')
param operatorPrincipalId string = ''

@description('Further settings of docs/settings.md: an object of strings. They win over those above.')
param settings object = {}

var tags = { 'azd-env-name': environmentName }
var groupName = 'rg-${environmentName}'

// Azure works out the scope of a module even where its condition says not to deploy it.
var noAzureOpenAi = '${subscription().id}/resourceGroups/${groupName}/providers/Microsoft.CognitiveServices/accounts/none'
// Its parts: '/subscriptions/[2]/resourceGroups/[4]/providers/[6]/accounts/[8]'.
var azureOpenAi = split(empty(azureOpenAiResourceId) ? noAzureOpenAi : azureOpenAiResourceId, '/')

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: groupName
  location: location
  tags: tags
}

module app 'app.bicep' = {
  name: 'aoai-ledger'
  scope: group
  params: {
    location: location
    tags: tags
    azureOpenAiEndpoint: azureOpenAiEndpoint
    azureOpenAiResourceId: azureOpenAiResourceId
    entraTenantIds: empty(entraTenantIds) ? tenant().tenantId : entraTenantIds
    entraAudiences: entraAudiences
    entraRequiredRole: entraRequiredRole
    operatorPrincipalId: operatorPrincipalId
    settings: settings
  }
}

module azureOpenAiAccess 'azure-openai.bicep' = if (!empty(azureOpenAiResourceId)) {
  name: take('aoai-ledger-${environmentName}', 64)
  scope: resourceGroup(azureOpenAi[2], azureOpenAi[4])
  params: {
    accountName: azureOpenAi[8]
    principalId: app.outputs.principalId
    storageAccountId: app.outputs.storageAccountId
    exportLogs: exportAzureOpenAiLogs
  }
}

// azd keeps these in its environment: `azd env get-value AZURE_FUNCTION_APP_NAME`.
output AZURE_FUNCTION_APP_NAME string = app.outputs.functionAppName
output AZURE_FUNCTION_APP_URL string = app.outputs.functionAppUrl
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_STORAGE_ACCOUNT string = app.outputs.storageAccountName
