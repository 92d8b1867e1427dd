import { types } from 'node:util'
import { isLivetreeError, LivetreeError } from './errors.ts'
import { fieldOf, kindOf } from './thrown.ts'

/** Is given what a user's function threw; must not throw itself. */
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
  const failed = (cause: unknown) => report(failureOf(what, cause))
  try {
    const result = call()
    return isPromise(result) ? settled(result, failed) : undefined
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
    return Boolean(callAtOnce(what, () => isEqual(...values)))
  } catch (cause) {
    report(failureOf(what, cause))
    return Object.is(...values)
  }
}

/**
 * Applies a user's selector, or another function that must answer at once.
 * @throws LivetreeError `listener_failed` where it gives a promise; whatever it throws
 */
export function callAtOnce<R>(what: string, call: () => R): R {
  const result = call()
  if (!isPromise(result)) return result
  disown(result)
  throw new LivetreeError('listener_failed', `${what} returned a promise. It must give its answer at once.`)
}

/** For what nobody will look at: a rejection of it would end the process. */
export function disown(promise: unknown): void {
  if (isPromise(promise)) void settled(promise, () => {})
}

/** Anything that `await` would wait for. Never throws: what cannot be asked is none. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  const canBe = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return canBe && typeof fieldOf(value, 'then') === 'function'
}

/** Resolves when the promise has settled, and gives on what it was rejected with. */
export async function settled(
  promise: PromiseLike<unknown>,
  failed: (cause: unknown) => void,
): Promise<void> {
  try {
    // one of the user's own making may resolve with itself, again and again: only its first answer counts
    if (types.isPromise(promise)) await promise
    else await new Promise<void>((resolve, reject) => void promise.then(() => resolve(), reject))
  } catch (cause) {
    failed(cause)
  }
}

function failureOf(what: string, cause: unknown): LivetreeError {
  if (isLivetreeError(cause)) return cause
  const message = `${what} failed: ${kindOf(cause)}, see cause. Others were told all the same.`
  return new LivetreeError('listener_failed', message, { cause })
}
