/** A connection that can be closed. */
export interface Closable {
  close(): void
}

/** Opens connections as they are needed, up to a number; who comes when all are taken waits for one. */
export class ConnectionPool<C extends Closable> {
  readonly #max: number
  readonly #open: () => C
  readonly #idle: C[] = []
  readonly #waiting: ((connection: C) => void)[] = []
  #openCount = 0
  #hasEnded = false

  constructor(max: number, open: () => C) {
    this.#max = max
    this.#open = open
  }

  /** @throws Error once it has ended */
  async use<X>(work: (connection: C) => X): Promise<X> {
    if (this.#hasEnded) throw new Error('This pool has ended')
    const connection = await this.#take()
    try {
      // the time that a database over the network takes
      await new Promise((resolve) => setImmediate(resolve))
      return work(connection)
    } finally {
      this.#giveBack(connection)
    }
  }

  /** Closes what is idle now, and the rest as it is given back. */
  async end(): Promise<void> {
    this.#hasEnded = true
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  #take(): C | Promise<C> {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#openCount < this.#max) {
      this.#openCount++
      return this.#open()
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #giveBack(connection: C): void {
    const next = this.#waiting.shift()
    if (next !== undefined) next(connection)
    else if (this.#hasEnded) connection.close()
    else this.#idle.push(connection)
  }
}
