import { AsyncLocalStorage } from 'node:async_hooks'
import { withDeadline } from '../deadline.ts'
import type { EnvelopeKey } from '../encryption/key-set.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import type { Clock } from '../source/source.ts'
import { OriginError, type ReadableOrigin } from './key-origin.ts'

/** How long an origin may take to answer, in milliseconds. */
const READ_MS = 10_000

/** How an origin is asked. */
export interface AskLimits {
  readonly clock: Clock
  /** Ends the wait, and is handed on to the origin. */
  readonly signal: AbortSignal
}

interface Asking {
  readonly origin: ReadableOrigin
  isOver: boolean
}

const asking = new AsyncLocalStorage<Asking>()

/**
 * Asks one origin for its keys; it has 10 seconds.
 *
 * @throws LivetreeError `keys_unavailable`, naming the origin; the reason of the signal
 */
export async function askOrigin(
  origin: ReadableOrigin,
  { clock, signal }: AskLimits,
): Promise<readonly EnvelopeKey[]> {
  const own: Asking = { origin, isOver: false }
  const limits = { clock, timeoutMs: READ_MS, signals: [signal], what: 'Reading the keys' }
  try {
    return await withDeadline((cut) => asking.run(own, () => origin.read(cut)), limits)
  } catch (error) {
    if (signal.aborted || (isLivetreeError(error) && error.code !== 'timeout')) throw error
    if (isLivetreeError(error)) throw silent(origin, `within ${READ_MS} ms`)
    throw new LivetreeError('keys_unavailable', `The key ${origin.name} failed.`, { cause: error })
  } finally {
    own.isOver = true
  }
}

/** The error of an origin that has not answered. */
export function silent({ name }: ReadableOrigin, when: string): OriginError {
  return new OriginError(`The key ${name} has not answered ${when}.`, { isFinal: false })
}

/** Whether the caller is one of the origins, which is being asked just now. */
export function isBeingAsked(origins: readonly ReadableOrigin[]): boolean {
  const own = asking.getStore()
  return own?.isOver === false && origins.includes(own.origin)
}
