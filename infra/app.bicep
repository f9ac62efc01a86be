// The ledger in one resource group: storage, identity, monitoring, function app.
// May be deployed alone, by who may not create resource groups (docs/deployment.md).

@description('Region of everything here.')
param location string = resourceGroup().location

@description('Tags of everything here.')
param tags object = {}

@minLength(1)
@description('Endpoint of Azure OpenAI: https://NAME.openai.azure.com')
param azureOpenAiEndpoint string

@description('Its resource id, by which Azure logs its calls. Empty: learnt from the logs.')
param azureOpenAiResourceId string = ''

@description('Entra tenants whose access tokens are taken, comma separated. Empty: none, only gateway keys.')
param entraTenantIds string = tenant().tenantId

@description('Audiences of access tokens, comma separated. Empty: those that clients of Azure OpenAI ask for already.')
param entraAudiences string = ''

@description('App role that callers with an access token must have. Empty: none.')
param entraRequiredRole string = ''

@description('Object id of who issues gateway keys and reads the tables. Empty: nobody is given access.')
param operatorPrincipalId string = ''

@description('Further settings of docs/settings.md. An object of strings; they win over those above.')
param settings object = {}

@description('Python of the function app. 3.13 is the newest of which everything here is tested.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.13'

@description('Memory of an instance in MB; 2048 comes with one core.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Calls in flight on one instance before another is started.')
@minValue(1)
@maxValue(1000)
param callsPerInstance int = 100

@description('Most instances that run the relay; timers have their own.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 40

@description('Instances of the relay that always run, and are paid for: without one, the first call waits for a start.')
@minValue(0)
param alwaysReadyInstances int = 0

var token = uniqueString(resourceGroup().id)
var packageContainer = 'app-package'

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'
var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
// What the Functions host itself needs, and our tables.
// https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
var storageRoles = {
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  tableDataContributor: storageTableDataContributor
}

var ledgerSettings = {
  AZURE_OPENAI_ENDPOINT: azureOpenAiEndpoint
  AZURE_OPENAI_RESOURCE_ID: azureOpenAiResourceId
  ENTRA_TENANT_IDS: entraTenantIds
  ENTRA_AUDIENCES: entraAudiences
  ENTRA_REQUIRED_ROLE: entraRequiredRole
}

// Streams need it up to 3.12, and later nothing.
var workerSettings = pythonVersion == '3.13' ? {} : { PYTHON_ENABLE_INIT_INDEXING: '1' }

// An identity everywhere, and no connection string of storage beside it: the host takes one or the other.
// The host's own limit on a request is far above the app's, so that the app refuses: with a reason and a row.
var platformSettings = {
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1073741824'
  AzureWebJobsStorage__accountName: storage.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
}

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: 'st${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: storage
  name: 'default'
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: packageContainer
}

// Its own resource, so that its roles are there before the app starts and outlive it.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id-aoai-ledger-${token}'
  location: location
  tags: tags
}

resource storageAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in items(storageRoles): {
  name: guid(storage.id, identity.id, role.value)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}]

resource operatorAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(storage.id, operatorPrincipalId, storageTableDataContributor)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageTableDataContributor)
    principalId: operatorPrincipalId
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: 'log-aoai-ledger-${token}'
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: 30
    features: {
      disableLocalAuth: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-aoai-ledger-${token}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

resource insightsAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, identity.id, monitoringMetricsPublisher)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-aoai-ledger-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource functionApp 'Microsoft.Web/sites@2024-04-01' = {
  name: 'func-aoai-ledger-${token}'
  location: location
  // azd finds the app that is the service `ledger` of azure.yaml by its tag.
  tags: union(tags, { 'azd-service-name': 'ledger' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // Who reads a setting that is a Key Vault reference.
    keyVaultReferenceIdentity: identity.id
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstances
        alwaysReady: alwaysReadyInstances == 0 ? [] : [
          {
            name: 'http'
            instanceCount: alwaysReadyInstances
          }
        ]
        // Of Python's default, 1, every call in flight would take an instance of its own.
        // https://learn.microsoft.com/azure/azure-functions/functions-concurrency#http-trigger-concurrency
        triggers: {
          http: {
            perInstanceConcurrency: callsPerInstance
          }
        }
      }
    }
  }
  dependsOn: [
    packages
    storageAccess
  ]
}

resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: functionApp
  name: 'appsettings'
  properties: union(ledgerSettings, settings, workerSettings, platformSettings)
}

// Code is deployed with an Entra token; the passwords that publish too are off.
resource ftpPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: functionApp
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: functionApp
  name: 'scm'
  properties: {
    allow: false
  }
}

output functionAppName string = functionApp.name
output functionAppUrl string = 'https://${functionApp.properties.defaultHostName}'
output principalId string = identity.properties.principalId
output storageAccountId string = storage.id
output storageAccountName string = storage.name
