export type { HealthProbeOptions, Register } from '@livetree/core'
export { configMiddleware } from './config-middleware.ts'
export { healthHandler } from './health-handler.ts'
export { type LiveErrorHandler, type LiveMiddleware, live } from './live.ts'
