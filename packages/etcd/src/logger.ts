import { callIsolated } from './call-isolated.ts'

/** Where the client reports what an operator may want to read. Never gets values, passwords or tokens. */
export interface Logger {
  debug(message: string, details?: Record<string, unknown>): void
  info(message: string, details?: Record<string, unknown>): void
  warn(message: string, details?: Record<string, unknown>): void
  error(message: string, details?: Record<string, unknown>): void
}

function nothing(): void {}

/** What is used unless a logger is given. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** The logger, behind a guard: what it throws, or rejects with, changes nothing for the client that reports to it. */
export function guardLogger(logger: Logger): Logger {
  const guard =
    (level: keyof Logger): Logger['info'] =>
    (message, details) =>
      callIsolated(() => logger[level](message, details), nothing)
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}
