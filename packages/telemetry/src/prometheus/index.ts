// `@livetree/telemetry/prometheus`: needs the package `prom-client` beside it.
export { collect, type CollectOptions } from './collect.ts'
