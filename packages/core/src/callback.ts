import { types } from 'node:util'
import { isLivetreeError, LivetreeError } from './errors.ts'
import { isPromise, promisesIn } from './promises-in.ts'
import { kindOf } from './thrown.ts'

/** Receives the error of a failed user function. Must not throw. */
export type ReportFailure = (error: LivetreeError) => void

/**
 * Calls a user function and reports what it throws or rejects with. If the function returns a promise, or promises in a list
 * as `map` with an async function does, the returned promise resolves once they have settled; it never rejects.
 */
export function callIsolated(
  what: string,
  call: () => unknown,
  report: ReportFailure,
): Promise<void> | undefined {
  const failed = (cause: unknown) => report(failureOf(what, cause))
  try {
    return whenSettled(call(), failed)
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
    const answer: unknown = callAtOnce(what, () => isEqual(...values))
    disown(answer)
    return Boolean(answer)
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

/**
 * Handles the promises that a discarded value is or holds: an unhandled rejection would end the process. Returns whether
 * there were any.
 */
export function disown(discarded: unknown): boolean {
  const promises = promisesIn(discarded)
  for (const promise of promises) void settled(promise, () => {})
  return promises.length > 0
}

/** A function may return all that it was given, which nobody means to be looked through. */
const MOST_PARTS_RETURNED = 1_000

/**
 * Waits for the promises that a user function returned, by itself or inside a value, and passes each rejection to `failed`;
 * undefined if there are none. Looks at no more than 1,000 parts of the value.
 */
export function whenSettled(returned: unknown, failed: (cause: unknown) => void): Promise<void> | undefined {
  const [first, ...others] = promisesIn(returned, MOST_PARTS_RETURNED)
  if (first === undefined) return undefined
  if (others.length === 0) return settled(first, failed)
  return Promise.all([first, ...others].map((each) => settled(each, failed))).then(() => {})
}

/** A promise that resolves with a promise this many times in a row is taken for one that does so without end. */
const MOST_PROMISES = 100

/** A value in a box: a promise that resolves with an object reads the `then` of that object, which may be user code. */
export interface Adopted<V> {
  readonly value: Awaited<V>
}

/**
 * Waits for what a user function returned: the only way in which livetree waits for user code. `await` on a thenable that
 * resolves with itself would block the event loop for ever.
 *
 * @throws TypeError if the promise resolves with promises without end; whatever it rejects with
 */
export async function adopt<V>(given: V | PromiseLike<V>): Promise<Adopted<V>> {
  let answer: { readonly value: unknown } = { value: given }
  for (let count = 0; isPromise(answer.value); count++) {
    if (count === MOST_PROMISES) throw new TypeError('a promise resolves with promises without end')
    answer = await firstAnswer(answer.value)
  }
  return answer as Adopted<V>
}

function firstAnswer(promise: PromiseLike<unknown>): Promise<{ readonly value: unknown }> {
  return new Promise((resolve, reject) => {
    const ignore = () => {}
    const returned: unknown = promise.then((value) => resolve({ value }), reject)
    // An async `then` may reject, which nobody else handles.
    if (types.isPromise(returned)) Promise.prototype.then.call(returned, ignore, ignore)
  })
}

/** Resolves when the promise, and those in what it resolves with, have settled; passes each rejection to `failed`. */
export async function settled(
  promise: PromiseLike<unknown>,
  failed: (cause: unknown) => void,
): Promise<void> {
  try {
    const { value } = await adopt(promise)
    await Promise.all(promisesIn(value, MOST_PARTS_RETURNED).map((each) => adopt(each).catch(failed)))
  } catch (cause) {
    failed(cause)
  }
}

function failureOf(what: string, cause: unknown): LivetreeError {
  if (isLivetreeError(cause)) return cause
  const message = `${what} failed: ${kindOf(cause)}, see cause. Other listeners were notified.`
  return new LivetreeError('listener_failed', message, { cause })
}
