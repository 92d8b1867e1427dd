import type { ShopConfig } from '@livetree/example-shop'
import { type Logger, pino } from 'pino'

/** Creates a logger whose level follows the configuration, and that logs the configuration's events. */
export function createLog(config: ShopConfig): Logger {
  const log = pino({ name: config.name })
  const setLevel = (level: string) => {
    log.level = level
  }
  config.watch((c) => c.log.level, setLevel, { immediate: true })
  config.on('change', ({ revision, changes }) =>
    log.info({ revision, paths: changes.map((c) => c.pathText) }, 'changed'),
  )
  config.on('rejected', ({ revision, issues }) => log.warn({ revision, issues }, 'rejected'))
  config.on('stale', ({ reason }) => log.warn({ reason }, 'stale'))
  config.on('error', (error) => log.error(error))
  return log
}
