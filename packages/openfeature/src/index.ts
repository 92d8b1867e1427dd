// `@livetree/openfeature`: for applications.
export type { LivetreeProviderOptions } from './livetree-provider.ts'
export { LivetreeProvider } from './livetree-provider.ts'
export type { FlagSet } from './schema/index.ts'
export { flagSetSchema } from './schema/index.ts'
