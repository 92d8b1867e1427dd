export { DiscoveryModule, type DiscoveryModuleOptions } from './discovery-module.ts'
export { getServiceToken, InjectService } from './inject-service.ts'
