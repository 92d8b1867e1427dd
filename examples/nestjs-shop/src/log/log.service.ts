import { type ShopConfig, shop } from '@livetree/example-shop'
import { InjectConfig, OnConfigChange } from '@livetree/nestjs'
import { Injectable } from '@nestjs/common'
import { type Logger, pino } from 'pino'

/** A logger whose level follows the configuration, and that logs the configuration's events. */
@Injectable()
export class LogService {
  readonly log: Logger = pino({ name: shop.name })

  constructor(@InjectConfig(shop) config: ShopConfig) {
    const { log } = this
    config.on('change', ({ revision, changes }) =>
      log.info({ revision, paths: changes.map((c) => c.pathText) }, 'changed'),
    )
    config.on('rejected', ({ revision, issues }) => log.warn({ revision, issues }, 'rejected'))
    config.on('stale', ({ reason }) => log.warn({ reason }, 'stale'))
    config.on('error', (error) => log.error(error))
  }

  @OnConfigChange(shop, (c) => c.log.level, { immediate: true })
  setLevel(level: string) {
    this.log.level = level
  }
}
