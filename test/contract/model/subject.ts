import type { Init, WatchCreateRequest, WatchResponse } from '@livetree/etcd/wire'
import { waitFor } from '../../support/wait-for.ts'
import { RawStatus } from '../call-client.ts'
import { RawClient } from '../raw-client.ts'
import { WatchClient } from '../watch-client.ts'
import type { Operation } from './random-operation.ts'

/** Parts of an answer that differ between two servers of the same content, by the name of their field. */
const own: Readonly<Record<string, (value: unknown) => unknown>> = {
  clusterId: () => 'own',
  memberId: () => 'own',
  raftTerm: () => 'own',
  // Seconds left: a slow machine may be one or more behind.
  ttl: (value) => (Number(value) > 50_000 ? 'long' : value),
  leases: (value) => (value as { id: string }[]).map(({ id }) => id).sort(),
  keys: (value) => (value as string[]).toSorted(),
  grantedTtl: (value) => value,
}

/** An answer as plain JSON, bytes as text, with what is the server's own taken out. */
const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return String(value)
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      const made = plain(field)
      return [name, field === undefined ? undefined : (own[name]?.(made) ?? made)]
    }),
  )
}

/** What one watch has told: its events in order, and how it ended. */
export interface Told {
  readonly events: unknown[]
  end: unknown
}

/** A watch stream and what its watches have told, by their ids. */
class Listener {
  readonly told = new Map<number, Told>()
  readonly #watch: WatchClient
  readonly #reading: Promise<void>
  #created = 0
  #progress = 0

  constructor(client: RawClient) {
    this.#watch = new WatchClient(client)
    this.#reading = this.#read()
  }

  async create(value: Init<WatchCreateRequest>): Promise<Told | undefined> {
    const created = this.#created + 1
    this.#watch.stream.send({ request: { type: 'create', value } })
    await waitFor(() => this.#created === created)
    return [...this.told.values()].at(-1)
  }

  /**
   * Waits until the server says that its watches have told everything; it may drop the question while they have not.
   * Where no watch goes on, a newer etcd has nobody to tell it to.
   */
  async caughtUp(): Promise<void> {
    const before = this.#progress
    await waitFor(() => {
      if ([...this.told.values()].every(({ end }) => end !== undefined)) return true
      this.#watch.askProgress()
      return this.#progress > before
    })
  }

  async close(): Promise<void> {
    this.#watch.stream.reset()
    await this.#reading
  }

  async #read(): Promise<void> {
    for (;;) {
      try {
        this.#note(await this.#watch.next(3_600_000))
      } catch {
        return
      }
    }
  }

  #note(response: WatchResponse): void {
    const { watchId, created, canceled, compactRevision, cancelReason, events } = response
    if (created) this.#created += 1
    if (created && watchId >= 0) this.told.set(watchId, { events: [], end: undefined })
    if (!created && watchId === -1) this.#progress += 1
    const told = this.told.get(watchId)
    if (told === undefined) return
    told.events.push(...events.map(plain))
    if (!canceled) return
    told.end ??= { compactRevision, cancelReason }
    // etcd from 3.5.8 on answers no progress request while a watch that compaction canceled is there.
    if (compactRevision !== 0) this.#watch.cancel(watchId)
  }
}

/** One of the servers that are given the same operations. */
export class Subject {
  readonly name: string
  readonly client: RawClient
  readonly #listener: Listener
  /** For watches that start in the future: their stream answers no progress request before they have begun. */
  readonly #ahead: Listener

  constructor(name: string, endpoint: string) {
    this.name = name
    this.client = new RawClient(endpoint)
    this.#listener = new Listener(this.client)
    this.#ahead = new Listener(this.client)
  }

  /** The answer, or the refusal, in a form that is equal for equal servers. */
  async run({ method, request }: Operation): Promise<unknown> {
    try {
      return plain(await this.client.call(method, request))
    } catch (error) {
      if (error instanceof RawStatus) return { code: error.code, message: error.message }
      throw error
    }
  }

  /** Opens a watch and gives what it tells. `isAhead`: it starts after the store's revision. */
  async watch(create: Init<WatchCreateRequest>, isAhead: boolean): Promise<Told | undefined> {
    return await (isAhead ? this.#ahead : this.#listener).create(create)
  }

  /** Waits until the watches that have begun have told everything. */
  async caughtUp(): Promise<void> {
    await this.#listener.caughtUp()
  }

  /** What each watch has told, in the order of their making. */
  get told(): readonly Told[] {
    return [...this.#listener.told.values(), ...this.#ahead.told.values()]
  }

  async close(): Promise<void> {
    const closing = [this.#listener.close(), this.#ahead.close()]
    await this.client.close()
    await Promise.all(closing)
  }
}
