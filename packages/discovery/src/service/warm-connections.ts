import type { Socket } from 'node:net'
import { buildConnector, Pool } from 'undici'

/** Which connections are opened in advance. */
export interface WarmOptions {
  /** Such as `http://10.0.0.1:8080`. */
  readonly origin: string
  readonly count: number
  /** A connection that is unused for this number of milliseconds is closed. */
  readonly keepMs: number
}

/** A connection that is being opened, or was opened, for a later request. */
interface Warm {
  readonly opened: Promise<Socket>
  readonly timer: NodeJS.Timeout
}

/**
 * Connections that are opened before a pool needs them: it is given one of them in place of a new one. What fails or is
 * closed meanwhile is forgotten, and the pool then opens one itself.
 */
export class WarmConnections {
  readonly #connect: buildConnector.connector
  readonly #keepMs: number
  readonly #idle = new Set<Warm>()

  constructor(options: buildConnector.BuildOptions, { origin, count, keepMs }: WarmOptions) {
    this.#connect = buildConnector(options)
    this.#keepMs = keepMs
    const { protocol, hostname, host, port } = new URL(origin)
    const given = {
      protocol,
      hostname,
      host,
      port: port === '' ? (protocol === 'https:' ? '443' : '80') : port,
    }
    const { servername } = options as { readonly servername?: string }
    for (let index = 0; index < count; index += 1)
      this.#warm(servername === undefined ? given : { ...given, servername })
  }

  /** Gives a pool a connection. */
  readonly connector: buildConnector.connector = (options, callback) => {
    const [warm] = this.#idle
    if (warm === undefined) return this.#connect(options, callback)
    this.#forget(warm)
    warm.opened.then(
      (socket) => {
        if (socket.destroyed || !socket.writable) this.#connect(options, callback)
        else callback(null, socket)
      },
      () => this.#connect(options, callback),
    )
  }

  /** Closes what was not used. */
  close(): void {
    for (const warm of this.#idle) this.#drop(warm)
  }

  #warm(options: buildConnector.Options): void {
    const opened = new Promise<Socket>((resolve, reject) => {
      this.#connect(options, (error, socket) => {
        if (error === null && socket !== null) resolve(socket)
        else reject(error ?? new Error('There is no connection'))
      })
    })
    const timer = setTimeout(() => this.#drop(warm), this.#keepMs).unref()
    const warm: Warm = { opened, timer }
    this.#idle.add(warm)
    opened.then(
      (socket) => {
        if (this.#idle.has(warm)) this.#watch(warm, socket)
      },
      () => this.#forget(warm),
    )
  }

  /** The pool adds listeners of its own; until then nobody else would notice an error, or the end. */
  #watch(warm: Warm, socket: Socket): void {
    const drop = (): void => {
      if (this.#idle.has(warm)) this.#drop(warm)
    }
    socket.on('error', drop).once('close', drop).once('readable', drop).unref()
  }

  #forget(warm: Warm): void {
    clearTimeout(warm.timer)
    this.#idle.delete(warm)
    warm.opened.then(
      (socket) => socket.ref(),
      () => undefined,
    )
  }

  #drop(warm: Warm): void {
    clearTimeout(warm.timer)
    this.#idle.delete(warm)
    warm.opened.then(
      (socket) => socket.destroy(),
      () => undefined,
    )
  }
}

/** A pool that closes its warm connections with itself. */
export class WarmPool extends Pool {
  readonly #warm: WarmConnections

  constructor(origin: string, options: Pool.Options, warm: WarmConnections) {
    super(origin, options)
    this.#warm = warm
  }

  override close(): Promise<void>
  override close(callback: () => void): void
  override close(callback?: () => void): Promise<void> | void {
    this.#warm.close()
    return callback === undefined ? super.close() : super.close(callback)
  }

  override destroy(...args: never[]): Promise<void> {
    this.#warm.close()
    return super.destroy(...(args as []))
  }
}
