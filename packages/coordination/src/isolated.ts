import type { Logger } from '@livetree/etcd'

function nothing(): void {}

/** Calls user code. What it throws or rejects with is passed to `onError`. */
export function callIsolated(call: () => unknown, onError: (error: unknown) => void): void {
  const report = (error: unknown): void => {
    try {
      onError(error)
    } catch {
      // There is nobody left to report to.
    }
  }
  try {
    const result = call()
    if (typeof result === 'object' && result !== null && 'then' in result)
      Promise.resolve(result).catch(report)
  } catch (error) {
    report(error)
  }
}

/** Wraps a user's logger so that what it throws or rejects with has no effect. Default: discards everything. */
export function guardLogger(logger: Logger | undefined): Logger {
  const guard =
    (level: keyof Logger): Logger['info'] =>
    (message, details) =>
      callIsolated(() => logger?.[level](message, details), nothing)
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}
