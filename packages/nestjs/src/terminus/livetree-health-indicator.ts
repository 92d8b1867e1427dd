import { assertLiveConfig } from '@livetree/core/adapter'
import type { LiveConfig } from '@livetree/core'
import { Inject, Injectable } from '@nestjs/common'
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus'
import { getConfigToken } from '../get-config-token.ts'

/**
 * Readiness for Terminus: `up`; `degraded` while the configuration may be behind the store or the newest tree is
 * rejected, which still answers 200; `down` once it is closed, or staler than `maxStalenessMs`. Never asks the store.
 * Terminus 11 knows no `degraded`: there it is `up` with a `reason`.
 *
 * Not for liveness: a process is not cured by a restart when the store is away.
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
   * @param config the configuration, where the app has several. Default: the one of the nearest `LivetreeModule`
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
