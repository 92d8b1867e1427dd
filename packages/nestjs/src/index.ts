export type { Register } from '@livetree/core'
export {
  type ConfigSection,
  defineSection,
  type SectionDefinition,
  type SectionOf,
} from './define-section.ts'
export { type DefinedConfig, getConfigToken, type Injected } from './get-config-token.ts'
export { InjectConfig } from './inject-config.ts'
export { type LiveProviderOptions, liveProvider } from './live-provider.ts'
export {
  LIVETREE_MODULE_OPTIONS,
  LivetreeModule,
  type LivetreeModuleExtras,
  type LivetreeModuleOptions,
  type LivetreeOptionsFactory,
} from './livetree-module.ts'
export { OnConfigChange } from './on-config-change.ts'
