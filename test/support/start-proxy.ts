import { connect, createServer, type Server, type Socket } from 'node:net'
import { carry, FlowSettings } from './proxy-stream.ts'
import { freePorts } from './free-ports.ts'
import { resetSocket } from './reset-socket.ts'
import { waitFor } from './wait-for.ts'

/** Which way bytes go: from the client to the server, or back. */
export type Direction = 'toServer' | 'toClient'

/** Options of {@link startProxy}. */
export interface StartProxyOptions {
  /** The server behind the proxy, as URL. It need not be there yet. */
  readonly target: string
  /** The address of this machine to listen on. Default 127.0.0.1. */
  readonly host?: string
  /** Default: a free one. */
  readonly port?: number
  /** Asked for every chunk a client sends; false cuts its connection. Default: all pass. */
  readonly admit?: (bytes: Buffer) => boolean
}

/**
 * A TCP proxy with faults. It knows nothing of what it carries, TLS included. Faults hold for open and for new
 * connections until `heal()`.
 */
export interface TcpProxy extends AsyncDisposable {
  /** The target's URL with the proxy's host and port. */
  readonly endpoint: string
  readonly port: number
  /** Client connections open now. */
  readonly connections: number
  /** Client connections accepted since the start. */
  readonly accepted: number
  /** Bytes handed on so far in each direction. */
  readonly carriedBytes: Readonly<Record<Direction, number>>
  /** Bytes of answers thrown away by `dropReplies`: once it grows, the server has acted. */
  readonly droppedBytes: number
  /** Resets every open connection. */
  cutAll(): void
  /** Stops listening: new connections are refused. Open ones stay. */
  refuse(): Promise<void>
  /** Listens again after `refuse()`, on the same port. */
  accept(): Promise<void>
  /** Blackhole: holds all bytes of a direction, or of both; nobody is told. */
  stall(direction?: Direction): void
  /** Ends a stall: what was held goes on. */
  flow(direction?: Direction): void
  /** Hands bytes on this much later. 0 ends it. */
  delay(delayMs: number, direction?: Direction): void
  /**
   * Hands bytes on in writes of at most so many bytes, at least 1. A receiver in this process gets them one by one;
   * for another process the system may join them again.
   */
  rechunk(chunkBytes: number, direction?: Direction): void
  /**
   * Cuts the first connection over which `bytes` more bytes from the server have passed, after exactly that byte, and
   * no other. Resolves when it happened, or at `heal()`.
   */
  cutAfter(bytes: number): Promise<void>
  /** Goes on handing requests to the server, and throws away all it answers. Usually followed by `cutAll()`. */
  dropReplies(): void
  /** Throws away all that the open connections send in this direction from now on, for good. New ones are whole. */
  strand(direction: Direction): void
  /** Sends new connections to another server. Open ones stay where they are. */
  retarget(target: string): void
  /** Ends every fault; what was stalled goes on. Refusing is ended by `accept()`. */
  heal(): void
  /** Resets all connections and stops listening. */
  close(): Promise<void>
}

/** Starts a proxy of ours. */
export async function startProxy(options: StartProxyOptions): Promise<TcpProxy> {
  for (let attempt = 1; ; attempt += 1) {
    const [port = 0] = options.port === undefined ? await freePorts(1) : [options.port]
    const proxy = new FaultyProxy(options, port)
    try {
      await proxy.accept()
      return proxy
    } catch (error) {
      if (attempt === 5 || options.port !== undefined) throw error
    }
  }
}

class FaultyProxy implements TcpProxy {
  readonly port: number
  readonly #host: string
  accepted = 0
  readonly #flows: Readonly<Record<Direction, FlowSettings>> = {
    toServer: new FlowSettings(),
    toClient: new FlowSettings(),
  }
  readonly #open = new Map<Socket, Socket>()
  #target: URL
  #server: Server | undefined

  constructor(options: StartProxyOptions, port: number) {
    this.#target = new URL(options.target)
    this.port = port
    this.#host = options.host ?? '127.0.0.1'
    if (options.admit !== undefined) this.#flows.toServer.admit = options.admit
  }

  get endpoint(): string {
    return `${this.#target.protocol}//${this.#host}:${this.port}`
  }

  get connections(): number {
    return this.#open.size
  }

  get carriedBytes(): Readonly<Record<Direction, number>> {
    const { toServer, toClient } = this.#flows
    return { toServer: toServer.carriedBytes, toClient: toClient.carriedBytes }
  }

  get droppedBytes(): number {
    return this.#flows.toClient.droppedBytes
  }

  cutAll(): void {
    for (const [client, server] of this.#open) {
      resetSocket(client)
      resetSocket(server)
    }
  }

  async refuse(): Promise<void> {
    // The callback would wait for the open connections; the port itself is free at once.
    this.#server?.close()
    this.#server = undefined
    await waitFor(() => isRefused(this.port, this.#host), { what: `port ${this.port} to refuse connections` })
  }

  accept(): Promise<void> {
    if (this.#server !== undefined) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#carryBoth(client))
      server.once('error', reject)
      server.listen({ port: this.port, host: this.#host, exclusive: true }, () => {
        this.#server = server
        resolve()
      })
    })
  }

  stall(direction?: Direction): void {
    for (const flow of this.#of(direction)) flow.stall()
  }

  flow(direction?: Direction): void {
    for (const flow of this.#of(direction)) flow.flow()
  }

  delay(delayMs: number, direction?: Direction): void {
    for (const flow of this.#of(direction)) flow.delayMs = delayMs
  }

  rechunk(chunkBytes: number, direction?: Direction): void {
    if (!(chunkBytes >= 1)) throw new RangeError(`rechunk: at least 1 byte at a time, not ${chunkBytes}`)
    for (const flow of this.#of(direction)) flow.chunkBytes = chunkBytes
  }

  cutAfter(bytes: number): Promise<void> {
    return this.#flows.toClient.cutAfter(bytes)
  }

  dropReplies(): void {
    this.#flows.toClient.isDropping = true
  }

  strand(direction: Direction): void {
    for (const [client, server] of this.#open)
      this.#flows[direction].stranded.add(direction === 'toServer' ? client : server)
  }

  retarget(target: string): void {
    this.#target = new URL(target)
  }

  heal(): void {
    for (const flow of this.#of(undefined)) flow.reset()
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed =
      server === undefined ? undefined : new Promise<void>((resolve) => server.close(() => resolve()))
    this.heal()
    this.cutAll()
    await closed
    await waitFor(() => this.#open.size === 0, { what: 'the connections of the proxy to close' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #carryBoth(client: Socket): void {
    this.accepted += 1
    const server = connect({
      port: Number(this.#target.port || (this.#target.protocol === 'https:' ? 443 : 80)),
      host: this.#target.hostname,
      allowHalfOpen: true,
      noDelay: true,
    })
    this.#open.set(client, server)
    for (const socket of [client, server]) {
      socket.on('error', () => {})
      socket.on('close', () => {
        if (client.destroyed && server.destroyed) this.#open.delete(client)
      })
    }
    void carry(client, server, this.#flows.toServer)
    void carry(server, client, this.#flows.toClient)
  }

  #of(direction: Direction | undefined): FlowSettings[] {
    return direction === undefined ? Object.values(this.#flows) : [this.#flows[direction]]
  }
}

function isRefused(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ port, host })
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.once('error', () => resolve(true))
  })
}
