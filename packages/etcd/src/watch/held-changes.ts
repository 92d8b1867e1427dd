import { EtcdError } from '../errors.ts'
import type { WatchBatch } from './watch-handlers.ts'

/** More changes, and more bytes, of several revisions are not kept: listing again costs less. */
const MOST_CHANGES = 200_000
const MOST_BYTES = 64 * 1024 * 1024

/** The size of the changes that wait for the other ranges of a join. */
export class HeldChanges {
  #changes = 0
  #bytes = 0

  /** Whether more waits than is kept. A single revision has to be kept, whatever its size. */
  get isTooMuch(): boolean {
    return this.#changes > MOST_CHANGES || this.#bytes > MOST_BYTES
  }

  add(batch: WatchBatch): void {
    this.#changes += batch.events.length
    this.#bytes += sizeOf(batch)
  }

  remove(batch: WatchBatch): void {
    this.#changes -= batch.events.length
    this.#bytes -= sizeOf(batch)
  }
}

function sizeOf({ events }: WatchBatch): number {
  return events.reduce((sum, { kv }) => sum + kv.key.length + kv.value.length, 0)
}

/** The error that ends the join, for which the ranges are listed again. */
export function heldTooMuch(): EtcdError {
  const what = 'too many changes wait until it is known how far the other ranges are; they are listed again'
  return new EtcdError('response_too_large', { call: 'Watch/Watch', what })
}
