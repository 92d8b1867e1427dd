import { Agent, Pool } from 'undici'

/** An agent for all other hosts. undici's forgets its pools when it is closed, and could not cut them off afterwards. */
export class OtherHosts {
  readonly agent: Agent
  readonly #pools = new Set<Pool>()

  constructor() {
    this.agent = new Agent({ factory: (origin, options) => this.#add(new Pool(origin, options)) })
  }

  /** Takes no new requests; done when the running ones have ended, or are cut off. */
  async close(): Promise<void> {
    await this.agent.close().catch(() => undefined)
  }

  cutOff(error: Error): void {
    this.agent.destroy(error).catch(() => undefined)
    for (const pool of this.#pools) pool.destroy(error).catch(() => undefined)
  }

  /** The agent ends the pools of hosts that are no longer asked; they are forgotten with the next new one. */
  #add(pool: Pool): Pool {
    for (const each of this.#pools) if (each.destroyed) this.#pools.delete(each)
    this.#pools.add(pool)
    return pool
  }
}
