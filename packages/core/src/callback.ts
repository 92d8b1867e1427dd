import { kindOf, LivetreeError } from './errors.ts'

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

/**
 * Asks a user's `isEqual`. One that throws, or answers by a promise, has said nothing: then only the same is equal, so
 * that no change is lost.
 */
export function askIsEqual<S>(
  what: string,
  isEqual: (one: S, other: S) => boolean,
  values: readonly [S, S],
  report: ReportFailure,
): boolean {
  try {
    const answer: unknown = isEqual(...values)
    if (!isThenable(answer)) return Boolean(answer)
    throw promised(what, answer)
  } catch (cause) {
    report(cause instanceof LivetreeError ? cause : failureOf(what, cause))
    return Object.is(...values)
  }
}

/**
 * Applies a user's selector, or another function that must answer at once.
 * @throws LivetreeError `listener_failed` where it gives a promise; whatever it throws
 */
export function callAtOnce<R>(what: string, call: () => R): R {
  const result = call()
  if (isThenable(result)) throw promised(what, result)
  return result
}

/** For what nobody will look at: a rejection of it would end the process. */
export function disown(thenable: unknown): void {
  void Promise.resolve(thenable).catch(() => {})
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}

function failureOf(what: string, cause: unknown): LivetreeError {
  const message = `${what} failed: ${kindOf(cause)}, see cause. Others were told all the same.`
  return new LivetreeError('listener_failed', message, { cause })
}

function promised(what: string, thenable: unknown): LivetreeError {
  disown(thenable)
  return new LivetreeError('listener_failed', `${what} returned a promise. It must give its answer at once.`)
}
