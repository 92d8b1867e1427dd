import { assertLiveConfig } from '@livetree/core/adapter'
import type { LiveConfig } from '@livetree/core'
import { Inject, Injectable } from '@nestjs/common'
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus'
import { getConfigToken } from '../get-config-token.ts'

/**
 * A readiness indicator for Terminus. It reports `up`; `degraded`, with status 200, while the configuration may be behind
 * the store or the newest tree is rejected; and `down` when it is closed or staler than `maxStalenessMs`. It makes no
 * request to the store. Terminus 11 has no `degraded`: there it reports `up` with a `reason`.
 *
 * Do not use it for liveness: restarting the process does not help while the store is disconnected.
 */
@Injectable()
export class LivetreeHealthIndicator {
  readonly #indicators: HealthIndicatorService
  readonly #config: LiveConfig<unknown>

  constructor(
    @Inject(HealthIndicatorService) indicators: HealthIndicatorService,
    @Inject(getConfigToken()) config: LiveConfig<unknown>,
  ) {
    this.#indicators = indicators
    this.#config = config
  }

  /**
   * @param key the indicator's name in the report. Default `config`
   * @param config the configuration, if the app has several. Default: the one of the nearest `LivetreeModule`
   * @throws LivetreeError `invalid_options`
   */
  isHealthy<Key extends string = 'config'>(
    key: Key = 'config' as Key,
    config: LiveConfig<unknown> = this.#config,
  ): HealthIndicatorResult<Key> {
    assertLiveConfig('LivetreeHealthIndicator.isHealthy()', config)
    const indicator = this.#indicators.check(key)
    const { isReady, reason, revision, staleForMs } = config.health
    if (!isReady) return indicator.down({ reason, revision, staleForMs })
    if (reason === undefined) return indicator.up({ revision, staleForMs })
    const details = { reason, revision, staleForMs }
    const canDegrade = typeof (indicator as Partial<typeof indicator>).degraded === 'function'
    return canDegrade ? indicator.degraded(details) : indicator.up(details)
  }
}
