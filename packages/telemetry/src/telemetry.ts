import { types } from 'node:util'

/** What was started, until it is stopped. */
export interface Telemetry extends Disposable {
  /** Ends all subscriptions and takes out what was registered. Idempotent. */
  stop(): void
}

/** Makes one of what ends its parts, each of which is called once, whatever the others throw. */
export function telemetryOf(parts: readonly (() => void)[]): Telemetry {
  const left = [...parts]
  const stop = (): void => {
    for (const part of left.splice(0)) guarded(part)
  }
  return { stop, [Symbol.dispose]: stop }
}

let isWarned = false

/** Runs code that leads to a meter, a tracer or a registry. What these throw hurts nobody; the first time it is warned of. */
export function guarded<Result>(work: () => Result): Result | undefined {
  try {
    return settled(work())
  } catch (error) {
    warn(error)
    return undefined
  }
}

/**
 * Returns what a meter, a tracer or a registry has returned. Where that is a promise, which none of them should return, its
 * rejection hurts nobody either.
 */
export function settled<Result>(returned: Result): Result {
  if (types.isPromise(returned)) Promise.prototype.then.call(returned, undefined, warn)
  return returned
}

function warn(error: unknown): void {
  if (isWarned) return
  isWarned = true
  const message = `@livetree/telemetry could not record: ${String((error as Error | undefined)?.message ?? error)}`
  process.emitWarning(message, { type: 'LivetreeWarning', code: 'LIVETREE_TELEMETRY' })
}
