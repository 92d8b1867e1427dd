import { createServer as createHttp1Server, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createSecureServer,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'

/** Certificates for TLS, in PEM. */
export interface TlsOptions {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** Who signs clients' certificates. With it, only clients that have one get in. */
  readonly ca?: string | Buffer
}

/** Where to listen. */
export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsOptions | undefined
}

/** What to do with what comes in. */
export interface ListenerHandlers {
  onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void
  onRequest(request: IncomingMessage, response: ServerResponse): void
}

/** Every HTTP/2 connection begins with these bytes; no HTTP/1.1 method does. */
const http2Preface = 'PRI'

/** Flow control windows, in bytes: wide enough that a large value or a long history is not sent in turns. */
const windowBytes = 4 * 1024 * 1024
const settings = { initialWindowSize: windowBytes, maxFrameSize: 64 * 1024 }

/** One port that speaks HTTP/2 and HTTP/1.1, in cleartext (by the first bytes) or over TLS (by ALPN). */
export class Listener {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #host: string
  #port: number

  constructor(options: ListenerOptions, handlers: ListenerHandlers) {
    this.#host = options.host
    this.#port = options.port
    this.#server = options.tls === undefined ? this.#cleartext(handlers) : this.#secure(options.tls, handlers)
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** The port listened on, once `open` has resolved. */
  get port(): number {
    return this.#port
  }

  /** Starts to listen, on the same port as before if it did already. Rejects when the port is taken. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, this.#host, () => {
        this.#server.off('error', reject)
        this.#port = (this.#server.address() as AddressInfo).port
        resolve()
      })
    })
  }

  get isOpen(): boolean {
    return this.#server.listening
  }

  /** Stops to listen; connections that stand stay. */
  refuse(): void {
    this.#server.close()
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Stops to listen and ends every connection once what is under way on it has been said; at most `graceMs` later. */
  async close(graceMs: number): Promise<void> {
    if (this.#server.listening) this.#server.close()
    for (const session of this.#sessions) session.close()
    const gone = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    const timer = setTimeout(() => this.#destroy(), graceMs)
    // Connections without a session of HTTP/2 have nothing to say.
    for (const socket of this.#sockets) if (this.#sessions.size === 0) socket.destroy()
    await Promise.all(gone)
    clearTimeout(timer)
  }

  #destroy(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #cleartext(handlers: ListenerHandlers): Server {
    const http1 = createHttp1Server(handlers.onRequest)
    const http2 = createHttp2Server({ settings })
    http2.on('stream', handlers.onStream)
    http2.on('session', (session) => this.#keep(session))
    return createTcpServer((socket) => {
      socket.setNoDelay(true)
      socket.on('error', () => socket.destroy())
      sniff(socket, (isHttp2) => (isHttp2 ? http2 : http1).emit('connection', socket))
    })
  }

  #secure({ cert, key, ca }: TlsOptions, handlers: ListenerHandlers): Server {
    const clientAuth = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }
    const server = createSecureServer({ cert, key, ...clientAuth, allowHTTP1: true, settings })
    server.on('stream', handlers.onStream)
    server.on('session', (session) => this.#keep(session))
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    server.on('request', (request, response) => {
      // HTTP/2 comes by 'stream'.
      if (request.httpVersionMajor === 1) {
        handlers.onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse)
      }
    })
    return server
  }

  #keep(session: ServerHttp2Session): void {
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
    session.on('error', () => {})
    session.setLocalWindowSize(windowBytes)
  }
}

/** Looks at a connection's first bytes, which may come one by one, and leaves them for whoever takes it over. */
const sniff = (socket: Socket, decide: (isHttp2: boolean) => void): void => {
  let seen = Buffer.alloc(0)
  const look = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    seen = Buffer.concat([seen, chunk])
    const start = seen.toString('latin1', 0, http2Preface.length)
    if (start.length < http2Preface.length && http2Preface.startsWith(start)) return
    socket.off('readable', look)
    socket.unshift(seen)
    decide(start === http2Preface)
  }
  socket.on('readable', look)
}
