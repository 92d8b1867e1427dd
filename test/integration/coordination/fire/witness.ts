import type { EtcdClient } from '@livetree/etcd'
import { waitFor } from '../../../support/wait-for.ts'
import type { ContenderProcess } from './contenders.ts'
import { type HeldKind, KEYS, type Observation, type QueueKind, type StoreEvent } from './history.ts'

/** Records everything that the store does in a run, and does by hand what an operator should not. */
export class Witness {
  readonly events: StoreEvent[] = []
  /** Revisions at which a key was deleted by hand. */
  readonly byHand = new Set<number>()
  readonly observations: Observation[] = []
  readonly client: EtcdClient
  readonly #revoked = new Set<bigint>()
  readonly #deleted = new Set<number>()
  #ended: string | undefined

  constructor(client: EtcdClient) {
    this.client = client
    client.watch.subscribe(
      { prefix: KEYS.all },
      {
        onEvents: ({ events, revision }) => {
          for (const { type, key, kv, text } of events) {
            const { createRevision, lease } = kv
            this.events.push({ revision, type, key, text, createRevision, lease })
          }
        },
        onEnd: (error) => {
          this.#ended = error?.message
        },
      },
      { startRevision: 1 },
    )
  }

  /** Tokens that were taken from their holders by hand. */
  get taken(): Set<number> {
    const taken = new Set(this.#deleted)
    for (const { lease, createRevision } of this.events)
      if (this.#revoked.has(lease)) taken.add(createRevision)
    return taken
  }

  /** The oldest key by which something is held. */
  async holder(kind: HeldKind) {
    return this.#oldest(KEYS.held(kind))
  }

  /** Deletes the key of whoever holds something. */
  async deleteHolder(kind: HeldKind): Promise<void> {
    const holder = await this.holder(kind)
    if (holder === undefined) return
    this.#deleted.add(holder.createRevision)
    await this.#delete(holder.key)
  }

  /** Revokes the lease of whoever holds something. */
  async revokeHolder(kind: HeldKind): Promise<void> {
    const holder = await this.holder(kind)
    if (holder === undefined || holder.lease === 0n) return
    this.#revoked.add(holder.lease)
    await this.client.lease.revoke(holder.lease).catch(() => undefined)
  }

  /** Deletes the keys by which something is held that have this value. */
  async deleteHolders(kind: HeldKind, value: string): Promise<void> {
    const { entries } = await this.client.kv.getRange({ prefix: KEYS.held(kind) })
    for (const { key, text, createRevision } of entries) {
      if (text !== value) continue
      this.#deleted.add(createRevision)
      await this.#delete(key)
    }
  }

  /** Revokes the leases of this TTL. */
  async revokeLeases(ttlSeconds: number): Promise<void> {
    for (const lease of await this.client.lease.list()) {
      const info = await this.client.lease.timeToLive(lease)
      if (info?.grantedTtlSeconds === ttlSeconds) await this.client.lease.revoke(lease)
    }
  }

  /** Deletes the oldest entry. */
  async deleteEntry(kind: QueueKind): Promise<void> {
    const entry = await this.#oldest(KEYS.entries(kind))
    if (entry === undefined) return
    const removed = await this.client.kv.delete(entry.key).catch(() => undefined)
    if (removed === undefined) this.observations.push({ type: 'unknown-take', kind })
    else if (removed.deleted > 0) this.byHand.add(removed.header.revision)
  }

  /** Deletes the limit of the semaphore: it stays what it was for all. */
  async deleteLimit(): Promise<void> {
    await this.#delete(KEYS.limit)
  }

  /** Freezes a contender, by whatever means, at a moment when it holds something. */
  async freezeHolder(
    kind: HeldKind,
    one: ContenderProcess,
    freeze: () => void,
    undo: () => void,
  ): Promise<void> {
    const holds = async () => one.hasHeld((await this.holder(kind))?.createRevision ?? 0)
    await waitFor(
      async () => {
        if (!(await holds())) return false
        freeze()
        // What was on its way to the store may still arrive, so it is asked until nothing has arrived in between.
        const [before, after] = [await holds(), await holds()]
        if (before && after) return true
        undo()
        return false
      },
      { timeoutMs: 60_000, what: 'a holder to freeze' },
    )
  }

  /** Compacts everything that was recorded. */
  async compact(): Promise<void> {
    const seen = this.events.at(-1)?.revision ?? 0
    await this.client.kv.compact(seen)
  }

  /**
   * Resolves when everything that the store did so far is recorded.
   *
   * @throws Error if the recording has ended before
   */
  async caughtUp(): Promise<void> {
    const { revision } = (await this.client.kv.put(`${KEYS.all}end`, '')).header
    await waitFor(() => this.#ended !== undefined || (this.events.at(-1)?.revision ?? 0) >= revision, {
      timeoutMs: 60_000,
      what: 'the record to be complete',
    })
    if (this.#ended !== undefined) throw new Error(`the record has ended: ${this.#ended}`)
  }

  /** Tried again until it is answered: a member may just have been killed. */
  async #delete(key: string): Promise<void> {
    await waitFor(() => this.client.kv.delete(key), { timeoutMs: 60_000, what: `${key} to be deleted` })
  }

  async #oldest(prefix: string) {
    const { entries } = await this.client.kv.getRange({ prefix, sort: { by: 'create' }, limit: 1 })
    return entries[0]
  }
}
