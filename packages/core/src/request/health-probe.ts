import type { ConfigHealth, LiveConfig } from '../live-config.ts'

export interface HealthProbeOptions {
  /**
   * `readiness`: 200 while requests can be served with a valid configuration, also while the store is away, unless
   * `maxStalenessMs` says otherwise; 503 else. `liveness`: 200 as long as the process answers. Default `readiness`.
   */
  readonly probe?: 'readiness' | 'liveness' | undefined
}

/** What a health endpoint answers. */
export interface HealthAnswer {
  readonly statusCode: 200 | 503
  readonly body: Omit<ConfigHealth, 'isReady'> & { readonly status: 'up' | 'down' }
}

/** For adapters: answers a probe from what the process knows; the store is not asked. */
export function answerHealthProbe<T>(config: LiveConfig<T>, options: HealthProbeOptions = {}): HealthAnswer {
  const { isReady, ...details } = config.health
  const isUp = isReady || options.probe === 'liveness'
  return { statusCode: isUp ? 200 : 503, body: { status: isUp ? 'up' : 'down', ...details } }
}
