// `@livetree/openfeature/schema`: for the schema of a configuration, without OpenFeature's SDK.
export type { FlagSet } from './flag-set-schema.ts'
export { flagSetSchema } from './flag-set-schema.ts'
