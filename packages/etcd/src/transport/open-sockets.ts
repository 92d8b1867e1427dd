import type { Socket } from 'node:net'

/**
 * All sockets of a connection that are not closed. undici forgets a socket as soon as its peer has sent
 * GOAWAY.
 */
export class OpenSockets {
  readonly #open = new Set<Socket>()
  /** The address that accepted the latest one, even if it is closed since. */
  address: string | undefined

  get isEmpty(): boolean {
    return this.#open.size === 0
  }

  /** Number of bytes received by the sockets that are open. */
  get bytesRead(): number {
    return [...this.#open].reduce((sum, socket) => sum + socket.bytesRead, 0)
  }

  add(socket: Socket): void {
    this.#open.add(socket)
    socket.once('connect', () => {
      this.address = socket.remoteAddress
    })
    socket.once('close', () => this.#open.delete(socket))
  }

  /** Destroys all sockets and resolves when they are closed. */
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
