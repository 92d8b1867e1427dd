export { discovery, type DiscoveryPluginOptions } from './discovery-plugin.ts'
