import type { Socket } from 'node:net'

/** Every socket of a connection that is not closed: undici forgets one as soon as its peer has said GOAWAY. */
export class OpenSockets {
  readonly #open = new Set<Socket>()

  get isEmpty(): boolean {
    return this.#open.size === 0
  }

  add(socket: Socket): void {
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
  }

  /** Resolves when all are closed. */
  async destroy(): Promise<void> {
    const closed = [...this.#open].map((socket) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      socket.once('close', () => resolve())
      socket.destroy()
      return promise
    })
    await Promise.all(closed)
  }
}
