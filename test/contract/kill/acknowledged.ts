import { KV, Lease, type WatchResponse } from '@livetree/etcd/wire'
import { op } from '../operations.ts'
import type { Random } from '../model/random.ts'
import { RawStatus } from '../call-client.ts'
import { RawClient } from '../raw-client.ts'
import { shortly, WatchClient } from '../watch-client.ts'

const writers = 8
const parts = ['a', 'b', 'c']

/**
 * A load of writes, and the memory of what was acknowledged. After a kill it says what of that the store has lost, or
 * holds in half.
 */
export class Acknowledged {
  /** What each acknowledged revision wrote, in short. */
  readonly #writes = new Map<number, string[]>()
  readonly #leases = new Set<bigint>()
  /** Leases whose revocation was asked for, perhaps without an answer. */
  readonly #revoked = new Set<bigint>()
  readonly #random: Random
  #count = 0
  #compacted = 1
  #highest = 1

  constructor(random: Random) {
    this.#random = random
  }

  /** Writes that were acknowledged so far. */
  get writes(): number {
    return this.#writes.size
  }

  /** Writes with several writers at once until the server is gone. */
  async write(endpoint: string): Promise<void> {
    const client = new RawClient(endpoint)
    await Promise.all(Array.from({ length: writers }, (_, writer) => this.#writeOn(client, writer)))
    await client.close()
  }

  /** Reads everything back; returns what is wrong, in words. */
  async check(endpoint: string): Promise<string[]> {
    const client = new RawClient(endpoint)
    try {
      const { header } = await client.call(KV.range, { key: 'none' })
      const revision = header!.revision
      const history = await this.#history(client, revision)
      const wrong: string[] = []
      if (revision < this.#highest) wrong.push(`the revision went back from ${this.#highest} to ${revision}`)
      for (let at = this.#compacted + 1; at <= revision; at += 1) {
        const found = history.get(at)?.join() ?? 'nothing'
        const expected = this.#writes.get(at)?.join()
        if (expected !== undefined && found !== expected) wrong.push(`${at}: ${found} instead of ${expected}`)
        if (found === 'nothing') wrong.push(`revision ${at} is missing`)
        const size = history.get(at)?.length ?? 0
        if (found.includes('three/') && size !== parts.length) wrong.push(`revision ${at} is half: ${found}`)
      }
      const leases = new Set((await client.call(Lease.leases, {})).leases.map(({ id }) => id))
      for (const id of this.#leases) {
        if (!leases.has(id) && !this.#revoked.has(id)) wrong.push(`lease ${id} is gone`)
      }
      return wrong
    } finally {
      await client.close()
    }
  }

  async #writeOn(client: RawClient, writer: number): Promise<void> {
    for (;;) {
      try {
        await this.#writeOnce(client, writer)
      } catch (error) {
        if (error instanceof RawStatus && error.code !== 14) throw error
        return
      }
    }
  }

  async #writeOnce(client: RawClient, writer: number): Promise<void> {
    this.#count += 1
    const value = `${this.#count}${'x'.repeat(this.#random.int(0, 500))}`
    const kind = this.#random.next()
    if (kind < 0.6) {
      const key = `one/${writer}`
      const { header } = await client.call(KV.put, { key, value })
      this.#note(header!.revision, [`put ${key}=${value}`])
    } else if (kind < 0.9) {
      const keys = parts.map((part) => `three/${writer}/${part}`)
      const { header } = await client.call(KV.txn, { success: keys.map((key) => op.put({ key, value })) })
      this.#note(
        header!.revision,
        keys.map((key) => `put ${key}=${value}`),
      )
    } else if (kind < 0.95) {
      const { id } = await client.call(Lease.grant, { ttl: 10_000 })
      this.#leases.add(id)
    } else if (kind < 0.99) {
      const [id] = this.#leases
      if (id === undefined) return
      this.#leases.delete(id)
      this.#revoked.add(id)
      await client.call(Lease.revoke, { id })
    } else {
      await this.#compact(client)
    }
  }

  async #compact(client: RawClient): Promise<void> {
    const revision = this.#highest - 50
    if (revision <= this.#compacted) return
    // Also when the answer is lost: nothing below may be asked for any more.
    this.#compacted = revision
    await client.call(KV.compact, { revision })
  }

  #note(revision: number, writes: string[]): void {
    if (this.#writes.has(revision)) throw new Error(`revision ${revision} was given out twice`)
    this.#writes.set(revision, writes)
    this.#highest = Math.max(this.#highest, revision)
  }

  /** What every revision after the compacted one wrote, by the server's history. */
  async #history(client: RawClient, revision: number): Promise<Map<number, string[]>> {
    const history = new Map<number, string[]>()
    if (revision <= this.#compacted) return history
    const watch = new WatchClient(client)
    await watch.create({ rangeEnd: '\0', startRevision: this.#compacted + 1 })
    for (let last = 0; last < revision; ) {
      const { events, canceled, compactRevision }: WatchResponse = await watch.next()
      if (canceled)
        throw new Error(`The history is compacted to ${compactRevision}, not to ${this.#compacted}`)
      for (const event of events) {
        last = event.kv!.modRevision
        history.set(last, [...(history.get(last) ?? []), shortly(event)])
      }
    }
    watch.stream.reset()
    return history
  }
}
