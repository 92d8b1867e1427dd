import { openSession, type Session } from '@livetree/coordination'
import type { EtcdClient } from '@livetree/etcd'

/** The session of a process; a new one when the former is lost. */
export class CurrentSession {
  readonly #client: EtcdClient
  readonly #ttlSeconds: number
  #session: Promise<Session> | undefined

  constructor(client: EtcdClient, ttlSeconds: number) {
    this.#client = client
    this.#ttlSeconds = ttlSeconds
  }

  async get(): Promise<Session> {
    for (;;) {
      const opening = this.#session ?? openSession(this.#client, { ttlSeconds: this.#ttlSeconds })
      this.#session = opening
      const session = await opening.catch(() => undefined)
      if (session?.isLost === false) return session
      if (this.#session !== opening) continue
      this.#session = undefined
      if (session === undefined) return opening as Promise<never>
      void session.close()
    }
  }

  /** Those who wait for something give up with it. */
  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined)
    this.#session = undefined
    await session?.close()
  }
}
