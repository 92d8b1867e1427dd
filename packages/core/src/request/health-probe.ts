import type { ConfigHealth, LiveConfig } from '../live-config.ts'

/** Options of a health endpoint. */
export interface HealthProbeOptions {
  /**
   * `readiness`: 200 while requests can be served with a valid configuration, otherwise 503. A disconnected store does not
   * matter unless `maxStalenessMs` is exceeded. `liveness`: always 200. Default `readiness`.
   */
  readonly probe?: 'readiness' | 'liveness' | undefined
}

/** The response of a health endpoint. */
export interface HealthAnswer {
  readonly statusCode: 200 | 503
  readonly body: Omit<ConfigHealth, 'isReady'> & { readonly status: 'up' | 'down' }
}

/** For adapters: answers a health probe without a request to the store. */
export function answerHealthProbe<T>(config: LiveConfig<T>, options: HealthProbeOptions = {}): HealthAnswer {
  const { isReady, ...details } = config.health
  const isUp = isReady || options.probe === 'liveness'
  return { statusCode: isUp ? 200 : 503, body: { status: isUp ? 'up' : 'down', ...details } }
}
