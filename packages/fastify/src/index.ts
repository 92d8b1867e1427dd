export type { HealthProbeOptions } from '@livetree/core/adapter'
export type { Register } from '@livetree/core'
export { healthHandler } from './health-handler.ts'
export { type LivetreePluginOptions, livetree, livetree as default } from './livetree-plugin.ts'
