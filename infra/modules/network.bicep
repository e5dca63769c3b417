// The network is always there: it costs nothing, and outbound integration is what spares the
// database a rule that lets all of Azure in. Whether the services behind it have private endpoints
// (isPrivate) or take these subnets alone (service endpoints) is the stage's choice.
param location string
param tags object
param token string
param abbreviations object
param isPrivate bool

resource closed 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${abbreviations.networkSecurityGroup}endpoints-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'from-the-network'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          // HTTPS, SQL, and both protocols of Event Hubs.
          destinationPortRanges: ['443', '1433', '5671', '9093', '11000-11999']
        }
      }
      {
        name: 'nothing-else'
        properties: {
          priority: 4000
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

// Outbound only: nothing is reached in the subnets of the app and the jobs.
resource outbound 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${abbreviations.networkSecurityGroup}apps-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: []
  }
}

var serviceEndpoints = isPrivate ? [] : [
  { service: 'Microsoft.Sql' }
  { service: 'Microsoft.Storage' }
  { service: 'Microsoft.KeyVault' }
  { service: 'Microsoft.EventHub' }
]

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: '${abbreviations.virtualNetwork}${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: ['10.90.0.0/22']
    }
    subnets: [
      {
        name: '${abbreviations.subnet}app'
        properties: {
          addressPrefix: '10.90.0.0/24'
          networkSecurityGroup: {
            id: outbound.id
          }
          serviceEndpoints: serviceEndpoints
          // What Flex Consumption asks for.
          delegations: [
            {
              name: 'flex'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: '${abbreviations.subnet}jobs'
        properties: {
          addressPrefix: '10.90.1.0/24'
          networkSecurityGroup: {
            id: outbound.id
          }
          serviceEndpoints: serviceEndpoints
          delegations: [
            {
              name: 'container-apps'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: '${abbreviations.subnet}endpoints'
        properties: {
          addressPrefix: '10.90.2.0/24'
          networkSecurityGroup: {
            id: closed.id
          }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

output id string = network.id
output appSubnetId string = network.properties.subnets[0].id
output jobsSubnetId string = network.properties.subnets[1].id
output endpointSubnetId string = network.properties.subnets[2].id
