import { kindOf, LivetreeError } from '../errors.ts'

/** Told of what a user's function threw; must not throw itself. */
export type ReportFailure = (error: LivetreeError) => void

/**
 * Calls a user's function and lets nothing out of it. A promise comes back where the function returned one: it resolves
 * when that has settled, and never rejects.
 */
export function callIsolated(
  what: string,
  call: () => unknown,
  report: ReportFailure,
): Promise<void> | undefined {
  const failed = (cause: unknown) => report(cause instanceof LivetreeError ? cause : failureOf(what, cause))
  try {
    const result = call()
    if (!isThenable(result)) return undefined
    return Promise.resolve(result).then(() => {}, failed)
  } catch (cause) {
    failed(cause)
    return undefined
  }
}

function failureOf(what: string, cause: unknown): LivetreeError {
  const message = `${what} failed: ${kindOf(cause)}, see cause. Others were told all the same.`
  return new LivetreeError('listener_failed', message, { cause })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
