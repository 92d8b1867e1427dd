import type { Clock } from '@livetree/etcd'
import { within } from '../wait.ts'
import type { ListeningServer } from './bound-address.ts'

/** The parts of an answer of `node:http` that a drain uses. */
interface Answer {
  readonly headersSent?: boolean
  setHeader?(name: string, value: string): void
  readonly stream?: unknown
}

/** An HTTP/2 session of `node:http2`. */
interface Session {
  close(): void
  destroy(): void
  once(event: 'close', listener: () => void): unknown
}

/**
 * The HTTP/2 sessions of a server, which all its registrations share: one listener, as long as one of them needs it.
 */
class ServerSessions {
  static readonly #ofServers = new WeakMap<ListeningServer, ServerSessions>()
  readonly open = new Set<Session>()
  readonly #server: ListeningServer
  #users = 0

  private constructor(server: ListeningServer) {
    this.#server = server
  }

  static of(server: ListeningServer): ServerSessions {
    const known = ServerSessions.#ofServers.get(server) ?? new ServerSessions(server)
    ServerSessions.#ofServers.set(server, known)
    return known
  }

  use(): void {
    this.#users += 1
    if (this.#users === 1) this.#server.on('session', this.#add)
  }

  release(): void {
    this.#users -= 1
    if (this.#users === 0) this.#server.off('session', this.#add)
  }

  readonly #add = (session: Session): void => {
    this.open.add(session)
    session.once('close', () => this.open.delete(session))
  }
}

/** What only servers of `node:http` have. */
interface HttpServer {
  closeIdleConnections?(): void
  closeAllConnections?(): void
}

/** Ends a server without cutting a request off: announces it, closes it, waits for what is running. */
export class ServerDrain {
  readonly #server: ListeningServer & HttpServer
  readonly #sessions: ServerSessions
  readonly #onClosed: () => void
  #isAnnounced = false
  #isReleased = false

  /**
   * Begins to count the sessions of HTTP/2; create it before the server has any. `onClosed` is called when the server
   * closes, whoever closes it, until the server is forgotten.
   */
  constructor(server: ListeningServer, onClosed: () => void) {
    this.#server = server
    this.#onClosed = onClosed
    this.#sessions = ServerSessions.of(server)
    this.#sessions.use()
    server.on('close', onClosed)
  }

  /** Forgets the server, which stays as it is. Idempotent. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#sessions.release()
    this.#server.off('close', this.#onClosed)
  }

  /** From now on each answer of HTTP/1 ends its connection, so that clients find another instance by themselves. */
  announce(): void {
    if (this.#isAnnounced) return
    this.#isAnnounced = true
    this.#server.prependListener('request', this.#endConnection)
  }

  /**
   * Closes the server with its idle connections and waits for the running requests, at most `drainMs`; then the rest is
   * cut off. `close` replaces closing the server itself, for frameworks that have more to do. Returns whether every
   * request has ended by itself. Rejects if `close` does.
   */
  async close(clock: Clock, drainMs: number, close: (() => unknown) | undefined): Promise<boolean> {
    const ended = new Promise<void>((resolve) => {
      if (!this.#server.listening) resolve()
      this.#server.on('close', () => resolve())
    })
    const closing = close === undefined ? this.#closeServer() : Promise.resolve().then(close)
    const all = Promise.all([ended, closing, this.#closeSessions()])
    const outcome = await this.#whileClosingIdle(within(clock, drainMs, all))
    this.release()
    if (outcome.type === 'done') return true
    this.#server.closeAllConnections?.()
    for (const session of this.#sessions.open) session.destroy()
    return false
  }

  #closeServer(): void {
    if (this.#server.listening) this.#server.close()
  }

  /** A connection that becomes idle after the server was closed is closed too. */
  async #whileClosingIdle<T>(work: Promise<T>): Promise<T> {
    const timer = setInterval(() => this.#server.closeIdleConnections?.(), 100)
    try {
      return await work
    } finally {
      clearInterval(timer)
    }
  }

  async #closeSessions(): Promise<void> {
    const closed = [...this.#sessions.open].map(
      (session) => new Promise<void>((resolve) => void session.once('close', resolve)),
    )
    for (const session of this.#sessions.open) session.close()
    await Promise.all(closed)
  }

  readonly #endConnection = (_request: unknown, answer: Answer): void => {
    if (answer.stream === undefined && answer.headersSent !== true) answer.setHeader?.('connection', 'close')
  }
}
