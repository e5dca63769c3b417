// One private endpoint for each service, and its name in the private zone.
param location string
param tags object
param prefix string
param token string
param subnetId string
@description('Ids of the private zones, by the names that the services use below.')
param zoneIds object
@description('Objects with id, part (the group id of the private link) and zone.')
param services array

resource endpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [for service in services: {
  name: '${prefix}${service.zone}-${token}'
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: service.zone
        properties: {
          privateLinkServiceId: service.id
          groupIds: [service.part]
        }
      }
    ]
  }
}]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [for (service, i) in services: {
  parent: endpoints[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: service.zone
        properties: {
          privateDnsZoneId: zoneIds[service.zone]
        }
      }
    ]
  }
}]
