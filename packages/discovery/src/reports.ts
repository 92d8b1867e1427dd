import { guardLogger, type Logger } from '@livetree/etcd'
import { reasonOf } from './errors.ts'

/** What an operator is to know. Never receives metadata or bodies. */
export interface Reports {
  info(message: string, details?: Record<string, unknown>): void
  warn(message: string, details?: Record<string, unknown>): void
}

/**
 * Writes to the given logger. Without one, each warning is a process warning once, with the code `LIVETREE_DISCOVERY`;
 * `false` is silence.
 */
export function createReports(logger: Logger | false | undefined): Reports {
  if (logger === false) return { info: nothing, warn: nothing }
  if (logger !== undefined) return guardLogger(logger)
  const emitted = new Set<string>()
  return {
    info: nothing,
    warn: (message, details) => {
      if (emitted.has(message) || emitted.size >= MOST_WARNINGS) return
      emitted.add(message)
      const error = details?.error
      const text = error === undefined ? message : `${message}: ${reasonOf(error)}`
      process.emitWarning(text, { code: 'LIVETREE_DISCOVERY' })
    },
  }
}

/** At most this number of different warnings are emitted by one process, so that they cannot fill it. */
const MOST_WARNINGS = 1_000

function nothing(): void {}
