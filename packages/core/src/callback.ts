import { types } from 'node:util'
import { isLivetreeError, LivetreeError } from './errors.ts'
import { fieldOf, kindOf } from './thrown.ts'

/** Receives the error of a failed user function. Must not throw. */
export type ReportFailure = (error: LivetreeError) => void

/**
 * Calls a user function and reports what it throws or rejects with. If the function returns a promise, the returned
 * promise resolves once that has settled; it never rejects.
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
 * Calls a user's `isEqual`. If it throws or returns a promise, the failure is reported and the values are compared with
 * `Object.is`, so that no change is lost.
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
 * Calls a user's selector, or another function that must return synchronously.
 *
 * @param what names the function in the error
 * @throws LivetreeError `listener_failed` if it returns a promise; whatever it throws
 */
export function callAtOnce<R>(what: string, call: () => R): R {
  const result = call()
  if (!isPromise(result)) return result
  disown(result)
  throw new LivetreeError('listener_failed', `${what} returned a promise. It must give its answer at once.`)
}

/** Handles a promise whose result is discarded: an unhandled rejection would end the process. */
export function disown(promise: unknown): void {
  if (isPromise(promise)) void settled(promise, () => {})
}

/** Whether the value is a thenable that `await` would wait for. Never throws: a value whose `then` cannot be read is none. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  const canBe = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return canBe && typeof fieldOf(value, 'then') === 'function'
}

/** Resolves when the promise has settled, and passes a rejection to `failed`. */
export async function settled(
  promise: PromiseLike<unknown>,
  failed: (cause: unknown) => void,
): Promise<void> {
  try {
    // A user's thenable may resolve with itself again and again, so only its first answer counts.
    if (types.isPromise(promise)) await promise
    else await new Promise<void>((resolve, reject) => void promise.then(() => resolve(), reject))
  } catch (cause) {
    failed(cause)
  }
}

function failureOf(what: string, cause: unknown): LivetreeError {
  if (isLivetreeError(cause)) return cause
  const message = `${what} failed: ${kindOf(cause)}, see cause. Other listeners were notified.`
  return new LivetreeError('listener_failed', message, { cause })
}
