import {
  type Bytes,
  compare,
  type Entry,
  type EtcdClient,
  op,
  type RangeOptions,
  type RangeResult,
} from '@livetree/etcd'
import { CallerWait, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import { appendEntry } from './append-entry.ts'
import { BYTES, checkArgument, checkName, readOptions } from './check-argument.ts'
import { anyChange } from './key-gone.ts'
import { isDirectChild } from './key-queue.ts'
import { sendAgain } from './send-again.ts'
import { checkClient } from './session.ts'
import { Turns } from './turns.ts'
import { WriteFate } from './write-fate.ts'

/** One entry that was taken from a queue. */
export interface QueueEntry {
  readonly key: string
  readonly value: Buffer
  /** The revision at which it was put. */
  readonly revision: number
}

/**
 * A queue in which each entry is taken at most once, in the order in which the entries were put. What a taker does not
 * finish is lost: `createWorkQueue` gives an entry again until it is completed. Every key directly below `<name>/` is an
 * entry, also those of Go's recipe `Queue`; keys further down are left alone.
 */
export interface Queue {
  readonly name: string
  /**
   * Puts an entry at the end.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`: nothing was put, nor will be; EtcdError `outcome_unknown` if it
   * was sent, and no answer came before the end of the call, the connection or the client: it may have been put; else as
   * `kv.append`
   */
  put(value: Bytes, options?: WaitOptions): Promise<void>
  /**
   * Takes the first entry; waits for one if there is none. A call that is cancelled takes nothing: the answer to a removal
   * that was sent is awaited.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`; EtcdError `outcome_unknown` if the removal of an entry was
   * sent, and its answer was lost, so that it is not known who has the entry: it may be lost
   */
  take(options?: WaitOptions): Promise<QueueEntry>
  /** Takes the first entry; `undefined` if there is none. Fails like `take`. */
  tryTake(options?: WaitOptions): Promise<QueueEntry | undefined>
}

/**
 * Creates a queue. It makes no I/O before the first call.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function createQueue(client: EtcdClient, name: string): Queue {
  checkClient(client)
  checkName(name)
  return new EntryQueue(client, name)
}

interface First {
  /** Undefined if there is no entry. */
  readonly first: Entry | undefined
  readonly header: RangeResult['header']
}

const LEAST_PAGE = 128

/**
 * The query for the page after one without entries. One transaction may create many keys at one revision, so the page starts
 * at the last revision of the previous page, and is larger.
 */
function following({ limit = 1 }: RangeOptions, entries: readonly Entry[]): RangeOptions {
  const minCreateRevision = entries.at(-1)?.createRevision ?? 0
  return { limit: Math.max(LEAST_PAGE, limit * 2), keysOnly: true, minCreateRevision }
}

/** Reads an entry that was found in a page again, with those that were created with it. */
function withValues({ limit = 1 }: RangeOptions, { createRevision }: Entry): RangeOptions {
  return { limit, minCreateRevision: createRevision, maxCreateRevision: createRevision }
}

class EntryQueue implements Queue {
  readonly name: string
  readonly #client: EtcdClient
  readonly #prefix: string
  /** The takers of this process take turns, so that they neither compete for one entry nor all wake for it. */
  readonly #turns = new Turns()

  constructor(client: EtcdClient, name: string) {
    this.name = name
    this.#client = client
    this.#prefix = `${name}/`
  }

  async put(value: Bytes, options?: WaitOptions): Promise<void> {
    checkArgument('the value', BYTES, value)
    const limits = readOptions('put', WAIT_CHECKS, options)
    await appendEntry(this.#client, { queue: this.name, prefix: this.#prefix, value }, limits)
  }

  async take(options?: WaitOptions): Promise<QueueEntry> {
    using wait = new CallerWait(`taking from ${this.name}`, readOptions('take', WAIT_CHECKS, options))
    return await this.#turns.run(wait, async () => {
      for (;;) {
        const { first, header } = await this.#first(wait)
        const entry = await this.#remove(first, wait.signal)
        if (entry !== undefined) return entry
        if (first !== undefined) continue
        const counts = (key: string): boolean => isDirectChild(key, this.#prefix)
        const watched = { client: this.#client, header, signal: wait.signal, counts }
        await wait.race(anyChange({ prefix: this.#prefix }, watched))
      }
    })
  }

  async tryTake(options?: WaitOptions): Promise<QueueEntry | undefined> {
    using wait = new CallerWait(`taking from ${this.name}`, readOptions('tryTake', WAIT_CHECKS, options))
    for (;;) {
      const { first } = await this.#first(wait)
      const entry = await this.#remove(first, wait.signal)
      if (entry !== undefined || first === undefined) return entry
    }
  }

  /** The oldest entry, as it was at the revision of the header. Keys of other names are passed over, page by page. */
  async #first(wait: CallerWait): Promise<First> {
    let page: RangeOptions = { limit: 1 }
    for (;;) {
      const { entries, hasMore, header } = await this.#page(wait, page)
      const found = entries.find(({ key }) => isDirectChild(key, this.#prefix))
      if (found !== undefined && page.keysOnly !== true) return { first: found, header }
      if (found !== undefined) page = withValues(page, found)
      else if (hasMore) page = following(page, entries)
      else if (page.maxCreateRevision === undefined) return { first: undefined, header }
      // It was taken meanwhile.
      else page = { limit: 1 }
    }
  }

  /** By creation and not by key, because the keys of other languages are made in another way. */
  #page(wait: CallerWait, page: RangeOptions): Promise<RangeResult> {
    const query = { ...page, prefix: this.#prefix, sort: { by: 'create' } } as const
    const { signal } = wait
    return wait.race(sendAgain(() => this.#client.kv.getRange(query), { signal, isPatient: true }))
  }

  /** Removes the entry unless somebody else does first. Awaited also by a call that is cancelled, or it would be lost. */
  async #remove(entry: Entry | undefined, signal: AbortSignal): Promise<QueueEntry | undefined> {
    if (entry === undefined) return undefined
    signal.throwIfAborted()
    const { key, keyBytes, modRevision, createRevision, value } = entry
    const isSame = compare.modRevision(keyBytes, '=', modRevision)
    const txn = this.#client.kv.txn().if(isSame).then(op.delete(keyBytes))
    const fate = new WriteFate(
      `the removal of ${key}`,
      'Look whether the entry is there; if not, it may be lost.',
    )
    const { onError } = fate
    const result = await sendAgain(() => txn.commit(), { signal, onError }).catch(fate.refuse)
    if (result.succeeded) return { key, value: Buffer.from(value), revision: createRevision }
    // It is gone, and it is unknown by whom.
    if (fate.lost !== undefined) throw fate.unknown(fate.lost)
    return undefined
  }
}
