import { randomInt } from 'node:crypto'
import { compare, op } from '@livetree/etcd'
import { sendAgain } from './send-again.ts'
import type { SessionPorts } from './session-ports.ts'

/** For how long a request whose answer was lost may still be applied, in milliseconds. */
const STRAY_MS = 600_000

/**
 * The names of a session's keys. The first key of a session below a prefix is `<prefix><lease>`, with the lease in
 * lower-case hexadecimal as in Go's concurrency package; further ones get `.<n>` behind it, and no `n` is used twice. So
 * do all keys of a session that took over a lease, because whoever granted it may make keys with it, too.
 *
 * A request that creates a key and whose answer was lost may be applied late, after the key was deleted again. So the
 * names of such requests are not used again, and keys that appear under them are deleted.
 */
export class KeyNames {
  readonly #session: SessionPorts
  readonly #isAlone: boolean
  readonly #inUse = new Set<string>()
  /** Names of requests that may still be applied, with the moment up to which they are looked for. */
  readonly #strays = new Map<string, number>()
  #last = 0
  #timer: NodeJS.Timeout | undefined

  /** `isAlone`: nobody else makes keys with the lease of the session. */
  constructor(session: SessionPorts, isAlone: boolean) {
    this.#session = session
    this.#isAlone = isAlone
    session.onEnd(() => clearTimeout(this.#timer))
  }

  /** Returns a name that no key of this session has, and that no pending request may still create. */
  take(prefix: string): string {
    const first = `${prefix}${this.#session.lease.toString(16)}`
    const isFree = this.#isAlone && !this.#inUse.has(first) && !this.#strays.has(first)
    const name = isFree ? first : this.#numbered(first)
    this.#inUse.add(name)
    return name
  }

  /** Returns another name for one that `take` returned and that somebody else uses. The former is not returned again. */
  takeAnother(taken: string): string {
    const name = this.#numbered(taken.replace(/\.\d+$/, ''))
    this.#inUse.add(name)
    return name
  }

  /** Takes a name that its user chose. Returns false if this session has a key of that name. */
  takeGiven(name: string): boolean {
    if (this.#inUse.has(name)) return false
    this.#strays.delete(name)
    this.#inUse.add(name)
    return true
  }

  /** True if this session has a key of that name. */
  isTaken(name: string): boolean {
    return this.#inUse.has(name)
  }

  /** The key is deleted. `isStray`: a request that creates it may still be applied. */
  giveBack(name: string, isStray: boolean): void {
    this.#inUse.delete(name)
    if (!isStray || this.#session.signal.aborted) return
    this.#strays.set(name, performance.now() + STRAY_MS)
    this.#timer ??= this.#sweepLater()
  }

  /** Contenders that share a lease draw their numbers from a range so large that two are practically never equal. */
  #numbered(first: string): string {
    this.#last += 1
    return `${first}.${this.#isAlone ? this.#last : randomInt(2 ** 47)}`
  }

  #sweepLater(): NodeJS.Timeout {
    const everyMs = this.#session.ttlSeconds * (1_000 / 3)
    return setTimeout(() => void this.#sweep(), everyMs).unref()
  }

  /** Deletes the keys of the lease that appeared under a name that was given back. */
  async #sweep(): Promise<void> {
    const session = this.#session
    try {
      const info = await session.client.lease.timeToLive(session.lease, { ...session.control, keys: true })
      const found = (info?.keys ?? []).map(String).filter((key) => this.#strays.has(key))
      for (const key of found) if (!this.#inUse.has(key)) await this.#delete(key)
    } catch (error) {
      session.noteError(error)
      session.logger.debug('Looking for late keys of a session failed', { error })
    }
    const now = performance.now()
    for (const [name, until] of this.#strays) if (until < now) this.#strays.delete(name)
    this.#timer = this.#strays.size > 0 && !session.signal.aborted ? this.#sweepLater() : undefined
  }

  async #delete(key: string): Promise<void> {
    const { client, control, lease, logger, signal } = this.#session
    const txn = client.kv
      .txn()
      .if(compare.lease(key, '=', lease))
      .then(op.delete(key))
    await sendAgain(() => txn.commit(control), { signal, isPatient: true })
    logger.info('A key that a lost request created late was deleted', { key })
  }
}
