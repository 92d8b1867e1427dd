// `@livetree/telemetry/opentelemetry`: needs the package `@opentelemetry/api` beside it.
export { instrument, type InstrumentOptions } from './instrument.ts'
