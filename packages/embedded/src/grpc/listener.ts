import {
  createServer as createHttp1Server,
  type Server as Http1Server,
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { Http1Connection } from '../http/http1-connection.ts'
import { takeFirstLook } from './http2/first-look.ts'

/** Certificates for TLS, in PEM. */
export interface TlsOptions {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** Authority for client certificates. If given, only clients with such a certificate are accepted. */
  readonly ca?: string | Buffer
}

/** Where to listen. */
export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsOptions | undefined
}

/** Handlers for HTTP/2 streams and HTTP/1.1 requests. */
export interface ListenerHandlers {
  onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void
  onRequest(request: IncomingMessage, response: ServerResponse): void
}

/** As in etcd, a connection without requests stays open, and a request's headers may have 1 MB. */
const HTTP1_OPTIONS = { keepAliveTimeout: 0, maxHeaderSize: 1024 * 1024 }

/** The HTTP status for an error of Node's parser, where it is another one than 400. */
const REFUSALS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
}

/** Every HTTP/2 connection starts with these bytes; no HTTP/1.1 method does. */
const HTTP2_PREFACE = 'PRI'

/** Flow-control windows in bytes: large enough to send a large value or a long history without waiting. */
const WINDOW_BYTES = 4 * 1024 * 1024
const HTTP2_OPTIONS = {
  settings: { initialWindowSize: WINDOW_BYTES, maxFrameSize: 64 * 1024 },
  // Node's protections refuse streams when much data is unsent or many streams are reset; both are normal for
  // this server.
  maxSessionMemory: 4096,
  streamResetBurst: 1_000_000,
  streamResetRate: 1_000_000,
}

/**
 * One port for HTTP/2 and HTTP/1.1, in cleartext or over TLS, distinguished by the first bytes of a
 * connection.
 */
export class Listener {
  readonly #server: Server
  readonly #http1: Http1Server
  readonly #http2: Http2Server
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  /** Responses over HTTP/1.1 that are not sent yet. */
  readonly #responses = new Set<ServerResponse>()
  readonly #host: string
  #port: number
  #isOnEveryAddress = false
  /** Whether connections should be accepted; a start in progress may not have got there yet. */
  #isWanted = false
  #isClosing = false
  #opening: Promise<void> | undefined

  constructor({ host, port, tls }: ListenerOptions, handlers: ListenerHandlers) {
    this.#host = host
    this.#port = port
    this.#http1 = createHttp1Server(HTTP1_OPTIONS, (request, response) => {
      connectionOf(request.socket)?.enqueue(response, () => {
        // The connection is about to be cut.
        if (this.#isClosing) return
        this.#responses.add(response)
        response.once('close', () => this.#responses.delete(response))
        handlers.onRequest(request, response)
      })
    })
    this.#http1.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      connectionOf(socket)?.refuse(refusalOf(error))
    })
    this.#http2 = createHttp2Server(HTTP2_OPTIONS)
    this.#http2.on('stream', handlers.onStream)
    this.#http2.on('session', (session) => this.#keep(session))
    const onSocket = (socket: Socket): void => this.#serve(socket)
    this.#server = tls === undefined ? createTcpServer(onSocket) : createTlsServer(tlsOptions(tls), onSocket)
    this.#server.on('connection', (socket: Socket) => this.#track(socket))
    // A single connection that cannot be accepted, e.g. for lack of file descriptors, must not affect the
    // others.
    this.#server.on('error', () => {})
    this.#server.on('tlsClientError', (_error, socket: Socket) => socket.destroy())
  }

  /** The port listened on, once `open` has resolved. */
  get port(): number {
    return this.#port
  }

  /** True if other machines can reach it at any address of this one. */
  get isOnEveryAddress(): boolean {
    return this.#isOnEveryAddress
  }

  /** Starts to listen, on the same port as before if there was one. Rejects if the port is in use. */
  open(): Promise<void> {
    this.#isWanted = true
    if (this.#server.listening) return Promise.resolve()
    this.#opening ??= this.#listen().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  /** Stops listening, or cancels the start; existing connections remain. */
  refuse(): void {
    this.#isWanted = false
    if (this.#server.listening) this.#server.close()
  }

  /** Destroys every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /**
   * Stops listening and closes every connection after its calls in progress, at the latest after `graceMs`
   * milliseconds.
   */
  async close(graceMs: number): Promise<void> {
    this.refuse()
    this.#isClosing = true
    const talking = [
      ...[...this.#sessions].map((session) => new Promise<void>((resolve) => session.close(resolve))),
      ...[...this.#responses].map((response) => new Promise((resolve) => response.once('close', resolve))),
    ]
    const grace = new AbortController()
    const timer = setTimeout(() => grace.abort(), graceMs)
    const late = new Promise((resolve) => grace.signal.addEventListener('abort', resolve, { once: true }))
    await Promise.race([Promise.all(talking), late])
    clearTimeout(timer)
    const gone = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    this.cut()
    await Promise.all(gone)
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, this.#host, () => {
        this.#server.off('error', reject)
        const { address, port } = this.#server.address() as AddressInfo
        this.#port = port
        this.#isOnEveryAddress = address === '0.0.0.0' || address === '::'
        // `refuse` was called during the start.
        if (!this.#isWanted) this.#server.close()
        resolve()
      })
    })
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.setNoDelay(true)
  }

  /** Passes a connection, after the TLS handshake if there is one, to the server for its protocol. */
  #serve(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    sniff(socket, (isHttp2) => {
      if (isHttp2) takeFirstLook(socket, (connection) => this.#http2.emit('connection', connection))
      else this.#http1.emit('connection', new Http1Connection(socket))
    })
  }

  #keep(session: ServerHttp2Session): void {
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
    session.on('error', () => {})
    session.setLocalWindowSize(WINDOW_BYTES)
  }
}

function connectionOf(socket: Duplex): Http1Connection | undefined {
  return socket instanceof Http1Connection ? socket : undefined
}

/** The response to what Node's parser refuses. */
function refusalOf({ code = '' }: NodeJS.ErrnoException): string {
  const status = REFUSALS[code] ?? 400
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`
}

function tlsOptions({ cert, key, ca }: TlsOptions) {
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
    ALPNProtocols: ['h2', 'http/1.1'],
  }
}

/**
 * Reads a connection's first bytes, which may arrive one by one, and puts them back for the server that takes
 * over.
 */
function sniff(socket: Socket, decide: (isHttp2: boolean) => void): void {
  let seen = Buffer.alloc(0)
  const look = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    seen = Buffer.concat([seen, chunk])
    const start = seen.toString('latin1', 0, HTTP2_PREFACE.length)
    if (start.length < HTTP2_PREFACE.length && HTTP2_PREFACE.startsWith(start)) return
    socket.off('readable', look)
    socket.unshift(seen)
    decide(start === HTTP2_PREFACE)
  }
  socket.on('readable', look)
}
