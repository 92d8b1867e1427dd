import { EtcdError } from '../errors.ts'
import type { WatchBatch, WatchContact, WatchHandlers } from './watch-handlers.ts'
import type { QueueOptions } from './watch-options.ts'
import type { Watcher } from './watcher.ts'

/** A watch for `for await`, one batch per revision. Leaving the loop ends the watch. */
export interface WatchReader extends AsyncIterableIterator<WatchBatch, undefined>, AsyncDisposable {
  /** The underlying watch, with its position and state. */
  readonly watcher: Watcher
  /**
   * Resolves when a server has created the watch for the first time: without a revision, it delivers what is written from
   * then on. Undefined if the watch was ended before, by its owner or by the client's `close()`. Rejects with any other error
   * that ended it before; nobody needs to await it.
   */
  readonly created: Promise<WatchContact | undefined>
  /** Ends the watch and discards unread batches. */
  return(): Promise<IteratorReturnResult<undefined>>
}

interface PendingRead {
  resolve(result: IteratorResult<WatchBatch, undefined>): void
  reject(error: EtcdError): void
}

function atLeastOne(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 1) return value
  throw new EtcdError('invalid_argument', { what: `${name} is ${value}, not a number from 1 on` })
}

/** Starts a watch whose batches are queued, up to a limit, until they are read. */
export function openReader(
  subscribe: (handlers: WatchHandlers) => Watcher,
  { maxQueuedEvents = 10_000, maxQueuedBytes = 16 * 1024 * 1024 }: QueueOptions,
): WatchReader {
  const limits = {
    events: atLeastOne('maxQueuedEvents', maxQueuedEvents),
    bytes: atLeastOne('maxQueuedBytes', maxQueuedBytes),
  }
  const reads: PendingRead[] = []
  let queue: WatchBatch[] = []
  let queued = { events: 0, bytes: 0 }
  let isFull = false
  let ending: { readonly error: EtcdError | undefined } | undefined
  const created = Promise.withResolvers<WatchContact | undefined>()
  created.promise.catch(() => undefined)

  const isOver = (share: number) =>
    queued.events >= limits.events * share || queued.bytes >= limits.bytes * share

  const count = (batch: WatchBatch, sign: 1 | -1) => {
    queued.events += sign * batch.events.length
    queued.bytes += sign * bytesOfBatch(batch)
  }

  const watcher = subscribe({
    onEvents(batch) {
      const read = reads.shift()
      if (read !== undefined) return read.resolve({ done: false, value: batch })
      queue.push(batch)
      count(batch, 1)
      // The server would go on sending to a full queue, so the watch leaves the stream and resumes at its
      // position later.
      if (!isOver(1)) return
      isFull = true
      watcher.pause()
    },
    onCreated: created.resolve,
    onEnd(error) {
      ending = { error }
      if (error === undefined) created.resolve(undefined)
      else created.reject(error)
      for (const read of reads.splice(0)) settle(read)
    },
  })

  const settle = (read: PendingRead) => {
    if (ending?.error === undefined) return read.resolve({ done: true, value: undefined })
    const { error } = ending
    // The error is thrown once; later reads return the end.
    ending = { error: undefined }
    read.reject(error)
  }

  return {
    watcher,
    created: created.promise,
    next() {
      const batch = queue.shift()
      if (batch !== undefined) {
        count(batch, -1)
        if (isFull && !isOver(0.5)) {
          isFull = false
          watcher.resume()
        }
        return Promise.resolve({ done: false, value: batch })
      }
      return new Promise((resolve, reject) => {
        const read = { resolve, reject }
        if (ending === undefined) reads.push(read)
        else settle(read)
      })
    },
    return() {
      queue = []
      queued = { events: 0, bytes: 0 }
      watcher.cancel()
      return Promise.resolve({ done: true, value: undefined })
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return()
    },
  }
}

function bytesOfBatch({ events }: WatchBatch): number {
  let bytes = 0
  for (const { kv, prevKv } of events) {
    bytes +=
      kv.key.length + kv.value.length + (prevKv === undefined ? 0 : prevKv.key.length + prevKv.value.length)
  }
  return bytes
}
