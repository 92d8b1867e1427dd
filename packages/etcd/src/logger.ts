import { callIsolated } from './call-isolated.ts'

/** Receives the client's reports to operators. Never receives values, passwords or tokens. */
export interface Logger {
  debug(message: string, details?: Record<string, unknown>): void
  info(message: string, details?: Record<string, unknown>): void
  warn(message: string, details?: Record<string, unknown>): void
  error(message: string, details?: Record<string, unknown>): void
}

function nothing(): void {}

/** The default logger: discards everything. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** Wraps a user's logger so that what it throws or rejects with affects nobody. Default: discards everything. */
export function guardLogger(logger: Logger = silentLogger): Logger {
  const guard =
    (level: keyof Logger): Logger['info'] =>
    (message, details) =>
      callIsolated(() => logger[level](message, details), nothing)
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}
