// Sign-in for people. Calls without a session pass: the API checks its bearer tokens itself, health
// is open, and the console sends people here. A bearer token that comes along is checked here too,
// so the API's audience is on the list: a token of anybody else would end in the platform's 401.
param appName string
@description('App registration with which people sign in.')
param clientId string
param apiClientId string

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: appName
}

resource signIn 'Microsoft.Web/sites/config@2024-04-01' = {
  // checkov:skip=CKV_AZURE_13: this is the sign-in; the scanner knows version 1 of its settings alone
  // checkov:skip=CKV_AZURE_63: these are not site settings: the scanner takes every config for one
  // checkov:skip=CKV_AZURE_65: as above
  // checkov:skip=CKV_AZURE_66: as above
  // checkov:skip=CKV_AZURE_80: as above; and Python
  // checkov:skip=CKV_AZURE_88: as above; Flex Consumption has no file share
  // checkov:skip=CKV_AZURE_222: as above; see app
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
          clientId: clientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            clientId
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
}
