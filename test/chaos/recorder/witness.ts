import type { SecureClientSessionOptions } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Auth,
  type Event,
  type Init,
  KV,
  type RangeRequest,
  type RangeResponse,
  Watch,
  type WatchResponse,
} from '@livetree/etcd/wire'
import { type Metadata, RawStatus } from '../../contract/call-client.ts'
import { RawClient } from '../../contract/raw-client.ts'
import { waitFor } from '../../support/wait-for.ts'
import type { StoreEntry, StoreHistory } from '../history.ts'
import { storeEntry } from './as-text.ts'
import { EventPool } from './event-pool.ts'
import { storeEvent } from './store-event.ts'
import { StoreTape } from './store-recorder.ts'

/** Options of {@link startWitness}. */
export interface WitnessOptions {
  /** The members' own URLs, with no fault in between; asked anew for each connection where it is a function. */
  readonly endpoints: readonly string[] | (() => readonly string[])
  /** Only keys that begin so are recorded. Default `''`: all. The whole store is followed in any case. */
  readonly prefix?: string
  /** Certificates and keys, asked for anew for each connection. Needed for `https://` endpoints. */
  readonly tls?: () => SecureClientSessionOptions
  /** Where equal events are kept once; the same one that the watches of the run are recorded with. */
  readonly pool?: EventPool
}

/** Follows a store over plain gRPC, whatever becomes of its members, and records all that it did. */
export interface Witness extends AsyncDisposable {
  /** The first revision of the newest store not recorded yet. Compact nothing from here on, or the witness loses it. */
  readonly position: number
  /** How many stores it has seen so far; the last of them is the one there is now. */
  readonly epochCount: number
  /** What each store did, in order of time, as far as it was seen. The arrays grow while the witness runs. */
  store(): readonly StoreHistory[]
  /** From now on it logs in as this user, with a new token for each connection. Where auth is off it goes without. */
  authenticate(credentials: { readonly name: string; readonly password: string }): void
  /** Waits until everything up to the revision that the store is at now is recorded, and gives that revision. */
  settled(options?: { readonly timeoutMs?: number }): Promise<number>
  /** Reads all recorded keys, linearizably, and keeps that as the `final` of the newest store. */
  finalTree(options?: { readonly timeoutMs?: number }): Promise<NonNullable<StoreHistory['final']>>
  /** Compacts the store, never past what is recorded, and notes it. Default: everything that is recorded. Gives the revision. */
  compact(revision?: number): Promise<number>
  /** Notes a compaction that someone else made. */
  noteCompaction(revision: number): void
  /** Ends it; nothing stays open. */
  close(): Promise<void>
}

/** Connects, lists, and resolves when it follows. Rejects when no member answers within 30 s. */
export const startWitness = async (options: WitnessOptions): Promise<Witness> => {
  const witness = new StoreWitness(options)
  try {
    await witness.settled()
    return witness
  } catch (error) {
    await witness.close()
    throw error
  }
}

const callTimeoutMs = 5_000
const beatMs = 1_000
const pauseMs = 50
const wholeStore = { key: Buffer.of(0), rangeEnd: Buffer.of(0) }

/** A connection to one member, logged in. */
interface Link extends AsyncDisposable {
  readonly client: RawClient
  readonly metadata: Metadata
  range(request: Init<RangeRequest>): Promise<RangeResponse>
}

class StoreWitness implements Witness {
  readonly #options: WitnessOptions
  readonly #pool: EventPool
  readonly #tapes: StoreTape[] = []
  readonly #links = new Set<RawClient>()
  readonly #running: Promise<void>
  #credentials: { readonly name: string; readonly password: string } | undefined
  #turn = 0
  #isClosed = false
  /** Why the last connection ended, for who waits in vain. */
  #trouble: unknown

  constructor(options: WitnessOptions) {
    this.#options = options
    this.#pool = options.pool ?? new EventPool()
    this.#running = this.#run()
  }

  get position(): number {
    return this.#tapes.at(-1)?.position ?? 0
  }

  get epochCount(): number {
    return this.#tapes.length
  }

  store(): readonly StoreHistory[] {
    return this.#tapes.map((tape) => tape.history)
  }

  authenticate(credentials: { readonly name: string; readonly password: string }): void {
    this.#credentials = credentials
  }

  async settled({ timeoutMs = 30_000 } = {}): Promise<number> {
    try {
      const { tape, revision } = await this.#persist(timeoutMs, async (link) => {
        const found = await this.#verified(link)
        if (found.tape === undefined) throw new Error('there is a store that is not followed yet')
        return { tape: found.tape, revision: found.revision }
      })
      const isThere = () => tape.position > revision || tape !== this.#tapes.at(-1)
      await waitFor(isThere, { timeoutMs, what: `the witness to reach revision ${revision}` })
      return tape === this.#tapes.at(-1) ? revision : await this.settled({ timeoutMs })
    } catch (error) {
      const what = `The witness is not settled: ${(error as Error).message}; it met: ${this.#trouble}`
      throw new Error(what, { cause: error })
    }
  }

  async finalTree({ timeoutMs = 30_000 } = {}): Promise<NonNullable<StoreHistory['final']>> {
    await this.settled({ timeoutMs })
    const { header, kvs } = await this.#persist(timeoutMs, (link) => link.range(wholeStore))
    await this.settled({ timeoutMs })
    const entries = kvs.map(storeEntry).filter((entry) => this.#isRecorded(entry))
    const final = { revision: header!.revision, entries }
    this.#tapes.at(-1)!.final = final
    return final
  }

  async compact(revision = this.position - 1): Promise<number> {
    const at = Math.min(revision, this.position - 1)
    // noted first: what a watcher misses by it may be delivered before the answer is here
    this.noteCompaction(at)
    await this.#persist(30_000, async ({ client, metadata }) => {
      try {
        await within(client.call(KV.compact, { revision: at }, metadata))
      } catch (error) {
        // done already, by someone else or by the attempt before
        if (!isCompacted(error)) throw error
      }
    })
    return at
  }

  noteCompaction(revision: number): void {
    this.#tapes.at(-1)!.compactions.push(revision)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#links].map((client) => client.close()))
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await using link = await this.#connect()
        await this.#follow(link)
      } catch (error) {
        this.#trouble = error
      }
      if (!this.#isClosed) await sleep(pauseMs)
    }
  }

  /** Tries one member after the other until the call succeeds. */
  async #persist<T>(timeoutMs: number, call: (link: Link) => Promise<T>): Promise<T> {
    const until = performance.now() + timeoutMs
    for (;;) {
      try {
        await using link = await this.#connect()
        return await call(link)
      } catch (error) {
        if (this.#isClosed || performance.now() > until) throw error
      }
      await sleep(pauseMs)
    }
  }

  async #connect(): Promise<Link> {
    if (this.#isClosed) throw new Error('the witness is closed')
    const { endpoints, tls } = this.#options
    const urls = typeof endpoints === 'function' ? endpoints() : endpoints
    const client = new RawClient(urls[this.#turn++ % urls.length]!, tls?.())
    this.#links.add(client)
    const close = async () => {
      this.#links.delete(client)
      await client.close()
    }
    try {
      const metadata = await this.#logIn(client)
      return {
        client,
        metadata,
        range: (request) => within(client.call(KV.range, request, metadata)),
        [Symbol.asyncDispose]: close,
      }
    } catch (error) {
      await close()
      throw error
    }
  }

  async #logIn(client: RawClient): Promise<Metadata> {
    if (this.#credentials === undefined) return {}
    try {
      const { token } = await within(client.call(Auth.authenticate, this.#credentials))
      return { token }
    } catch (error) {
      if (error instanceof RawStatus && /not enabled/.test(error.message)) return {}
      throw error
    }
  }

  /** Records what one member tells, until it falls silent. Throws how that ended. */
  async #follow(link: Link): Promise<void> {
    const tape = (await this.#verified(link)).tape ?? (await this.#begin(link))
    const stream = link.client.open(Watch.watch, { ...link.metadata, hasleader: 'true' })
    const create = { ...wholeStore, startRevision: tape.position, fragment: true }
    stream.send({ request: { type: 'create', value: create } })
    const beating = new AbortController()
    void this.#beat(link, beating.signal)
    try {
      let parts: Event[] = []
      for (;;) {
        const answer = await stream.next(2 ** 31 - 1)
        assertServing(answer, tape.position)
        parts.push(...answer.events)
        if (answer.fragment) continue
        for (const event of parts) if (event.kv!.modRevision >= tape.position) this.#record(tape, event)
        tape.flush()
        parts = []
      }
    } finally {
      beating.abort()
    }
  }

  #record(tape: StoreTape, event: Event): void {
    const changed = storeEvent(event)
    if (this.#isRecorded(changed)) tape.add(this.#pool.event(changed))
    else tape.pass(changed.modRevision)
  }

  #isRecorded({ key }: { readonly key: string }): boolean {
    return key.startsWith(this.#options.prefix ?? '')
  }

  /** Cuts the connection when the member does not answer any more. */
  async #beat(link: Link, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await sleep(beatMs, undefined, { signal })
        await link.range({ key: 'a', countOnly: true })
      }
    } catch (error) {
      if (!signal.aborted) this.#trouble = error
      await link.client.close()
    }
  }

  /** The store's revision, and the tape that goes on with it: none where it is another store than it was. */
  async #verified(link: Link): Promise<{ readonly tape: StoreTape | undefined; readonly revision: number }> {
    const { header } = await link.range({ key: 'a', countOnly: true })
    const { clusterId, revision } = header!
    const tape = this.#tapes.at(-1)
    const isOther = String(clusterId) !== tape?.history.clusterId || revision < tape.position - 1
    return { revision, tape: !isOther && (await hasPastOf(link, tape)) ? tape : undefined }
  }

  /** A new tape that begins as far back as the store remembers: consumers may have been there before the witness. */
  async #begin(link: Link): Promise<StoreTape> {
    const baseRevision = await oldestRevision(link)
    const { header, kvs } = await link.range({ ...wholeStore, revision: baseRevision })
    const base: StoreEntry[] = kvs.map(storeEntry).filter((entry) => this.#isRecorded(entry))
    const { prefix = '' } = this.#options
    const scope = prefix === '' ? {} : { prefix }
    const tape = new StoreTape({ clusterId: String(header!.clusterId), ...scope, baseRevision, base })
    this.#tapes.push(tape)
    return tape
  }
}

/** A restored store keeps the cluster's id, and may be past our position by now; but it has another past. */
const hasPastOf = async (link: Link, { lastEvent }: StoreTape): Promise<boolean> => {
  if (lastEvent === undefined) return true
  try {
    const { kvs } = await link.range({ key: lastEvent.key, revision: lastEvent.modRevision })
    const [found] = kvs.map(storeEntry)
    return lastEvent.type === 'delete'
      ? found === undefined
      : found?.modRevision === lastEvent.modRevision && found.value === lastEvent.value
  } catch (error) {
    // nobody can tell any more
    if (isCompacted(error)) return true
    throw error
  }
}

/** The oldest revision that the store can still be read at. */
const oldestRevision = async (link: Link): Promise<number> => {
  try {
    await link.range({ key: 'a', revision: 1 })
    return 1
  } catch (error) {
    if (!isCompacted(error)) throw error
  }
  // a watch that begins too early is told where the history begins
  const stream = link.client.open(Watch.watch, { ...link.metadata, hasleader: 'true' })
  stream.send({ request: { type: 'create', value: { key: 'a', startRevision: 1 } } })
  try {
    for (;;) {
      const { canceled, cancelReason, compactRevision } = await stream.next(callTimeoutMs)
      if (compactRevision > 0) return compactRevision
      if (canceled) throw new Error(`the witness may not watch: ${cancelReason}`)
    }
  } finally {
    stream.drop()
  }
}

const isCompacted = (error: unknown): boolean => error instanceof RawStatus && /compacted/.test(error.message)

const assertServing = (answer: WatchResponse, position: number): void => {
  if (answer.compactRevision > 0)
    throw new Error(`the store is compacted at ${answer.compactRevision}, the witness only at ${position}`)
  if (answer.canceled) throw new Error(`the witness's watch was cancelled: ${answer.cancelReason}`)
}

const within = <T>(call: Promise<T>): Promise<T> => {
  const { promise, reject, resolve } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${callTimeoutMs} ms`)), callTimeoutMs)
  call.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
}
