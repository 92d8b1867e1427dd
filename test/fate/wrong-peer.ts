import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'

/** What the store answered. */
interface Reply {
  readonly body: Buffer
  readonly trailers: IncomingHttpHeaders
}

/** Answers a call whose request was handed on, or was not. */
type WrongAnswer = (stream: ServerHttp2Stream, reply: Reply | undefined) => void

const GRPC = { ':status': 200, 'content-type': 'application/grpc' } as const

function html(status: number): WrongAnswer {
  return (stream) => {
    stream.respond({ ':status': status, 'content-type': 'text/html' })
    stream.end('<html>')
  }
}

function reset(code: number): WrongAnswer {
  return (stream) => stream.close(code)
}

function resetAfterData(code: number): WrongAnswer {
  return (stream, reply) => {
    stream.respond(GRPC)
    stream.write(reply?.body.subarray(0, 3) ?? Buffer.alloc(1))
    setImmediate(() => stream.close(code))
  }
}

/** The answer, changed, with the trailers given. */
function grpc(
  change: (body: Buffer) => Buffer,
  trailers: Record<string, string> = { 'grpc-status': '0' },
): WrongAnswer {
  return (stream, reply) => {
    stream.respond(GRPC, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    stream.end(change(reply?.body ?? Buffer.alloc(0)))
  }
}

const same = (body: Buffer): Buffer => body

function answerWell(stream: ServerHttp2Stream, reply: Reply | undefined): void {
  const { 'grpc-status': status = '13', 'grpc-message': message = '' } = reply?.trailers ?? {}
  grpc(same, { 'grpc-status': String(status), 'grpc-message': String(message) })(stream, reply)
}

const HTTP_STATUSES = [
  200, 204, 307, 400, 401, 403, 404, 408, 413, 421, 429, 500, 501, 502, 503, 504, 520, 599,
]

const RESETS = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'STREAM_CLOSED',
  'REFUSED_STREAM',
  'CANCEL',
  'ENHANCE_YOUR_CALM',
  'HTTP_1_1_REQUIRED',
] as const

const codeOf = (name: (typeof RESETS)[number]): number => constants[`NGHTTP2_${name}`]

/** Every way to answer wrongly, by its name. */
export const wrongAnswers: Readonly<Record<string, WrongAnswer>> = {
  ...Object.fromEntries(HTTP_STATUSES.map((status) => [`HTTP ${status}`, html(status)])),
  ...Object.fromEntries(RESETS.map((name) => [`reset ${name}`, reset(codeOf(name))])),
  ...Object.fromEntries(RESETS.map((name) => [`data, then reset ${name}`, resetAfterData(codeOf(name))])),
  'goaway, all calls': (stream) => stream.session?.goaway(0, 2 ** 31 - 1),
  'goaway, this call left out': (stream) => {
    stream.session?.goaway(0, Math.max(1, (stream.id ?? 3) - 2))
    stream.session?.close()
  },
  'session destroyed': (stream) => stream.session?.destroy(),
  'session destroyed with an error': (stream) =>
    stream.session?.destroy(undefined, constants.NGHTTP2_INTERNAL_ERROR),
  'no answer': () => undefined,
  'an answer cut short': grpc((body) => body.subarray(0, -1)),
  'an empty answer': grpc(() => Buffer.alloc(0)),
  'an answer twice': grpc((body) => Buffer.concat([body, body])),
  'a compressed answer': grpc((body) => Buffer.concat([Buffer.of(1), body.subarray(1)])),
  'an answer that is no protobuf': grpc(() => Buffer.from('0000000003ffffff', 'hex')),
  'an answer without a status': (stream, reply) => {
    stream.respond(GRPC)
    stream.end(reply?.body)
  },
  'a status alone': grpc(() => Buffer.alloc(0), { 'grpc-status': '0' }),
  'a status that is no number': grpc(same, { 'grpc-status': 'fine' }),
  'grpc unavailable': grpc(() => Buffer.alloc(0), { 'grpc-status': '14', 'grpc-message': 'upstream reset' }),
  'grpc deadline': grpc(() => Buffer.alloc(0), { 'grpc-status': '4' }),
  'grpc internal': grpc(() => Buffer.alloc(0), { 'grpc-status': '13' }),
  'grpc unknown': grpc(() => Buffer.alloc(0), { 'grpc-status': '2' }),
  'grpc cancelled': grpc(() => Buffer.alloc(0), { 'grpc-status': '1' }),
  'grpc exhausted': grpc(() => Buffer.alloc(0), { 'grpc-status': '8', 'grpc-message': 'overloaded' }),
}

/** A peer in front of a store that answers wrongly. */
export interface WrongPeer extends AsyncDisposable {
  readonly endpoint: string
  /** Resolves when it is about to answer wrongly. */
  readonly reached: Promise<void>
}

export interface WrongPeerOptions {
  readonly answer: string
  /** Path of the requests that it answers wrongly, such as `KV/Put`. It hands the others on and answers them well. */
  readonly path: string
  /** Hands the request on before it answers. */
  readonly forwards: boolean
  readonly tls: SecureServerOptions | undefined
  /** How the peer trusts the store. */
  readonly ca: string | undefined
}

/** Forwards one call, and gives the store's reply. */
function forward(store: ClientHttp2Session, headers: IncomingHttpHeaders, body: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = store.request({
      ':method': 'POST',
      ':path': headers[':path'],
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    let trailers: IncomingHttpHeaders = {}
    // A refusal has its status in the headers.
    for (const part of ['response', 'trailers'] as const) {
      call.on(part, (given: IncomingHttpHeaders) => {
        trailers = { ...trailers, ...given }
      })
    }
    call.on('data', (chunk: Buffer) => chunks.push(chunk))
    call.on('error', reject)
    call.on('end', () => resolve({ body: Buffer.concat(chunks), trailers }))
    call.end(body)
  })
}

export async function startWrongPeer(target: string, options: WrongPeerOptions): Promise<WrongPeer> {
  const { tls, ca, forwards } = options
  const answer = wrongAnswers[options.answer]!
  const server = (tls === undefined ? createServer() : createSecureServer(tls)) as Http2Server
  const store = connect(target, ca === undefined ? {} : { ca })
  store.on('error', () => undefined)
  const reached = Promise.withResolvers<void>()
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => undefined)
    session.on('close', () => sessions.delete(session))
  })
  // Node does not close the socket of a session over TLS that is destroyed while an answer to a ping is to be written.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('error', () => undefined)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', async () => {
      const isSpoiled = headers[':path']?.endsWith(`.${options.path}`) ?? false
      const reply = forwards || !isSpoiled ? await forward(store, headers, Buffer.concat(chunks)) : undefined
      if (isSpoiled) reached.resolve()
      if (stream.destroyed) return
      if (isSpoiled) answer(stream, reply)
      else answerWell(stream, reply)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    reached: reached.promise,
    async [Symbol.asyncDispose]() {
      store.destroy()
      for (const session of sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
