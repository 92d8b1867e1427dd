import { once } from 'node:events'
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { silentLogger } from '../logger.ts'
import { systemClock } from '../clock.ts'
import { encodeFrame, FrameReader } from '../wire/frame.ts'
import { ResponseHeader, RangeResponse, PutResponse } from '../wire/kv.ts'
import { type ChannelSettings, UndiciChannel } from './channel.ts'

/** One call as the server sees it. */
export interface FakeCall {
  /** `KV/Range` */
  readonly name: string
  readonly headers: IncomingHttpHeaders
  readonly stream: ServerHttp2Stream
  readonly session: ServerHttp2Session
  /** Messages so far; for unary calls the handler runs when the first is whole. */
  readonly messages: Buffer[]
  /** Called with each message after the first. */
  onMessage: (message: Buffer) => void
  /** Position among all calls, from 0 on. */
  readonly index: number
  /** Answers with a frame and a status in the trailers. */
  answer(frame: Buffer, status?: { code?: number; message?: string; chunkBytes?: number }): void
  /** Answers in the headers alone. */
  refuse(code: number, message: string): void
}

/** A gRPC server whose every answer is scripted. */
export interface FakeServer {
  readonly endpoint: string
  readonly calls: FakeCall[]
  readonly sessions: Set<ServerHttp2Session>
  readonly server: Http2Server
  close(): Promise<void>
}

export type Script = (call: FakeCall) => void

/** `encodeFrame` of an answer that says which revision it is. */
export function putAnswer(revision = 5): Buffer {
  return encodeFrame(PutResponse, { header: { clusterId: 1n, memberId: 2n, revision, raftTerm: 3 } })
}

export function rangeAnswer(value: string | Uint8Array = 'v'): Buffer {
  return encodeFrame(RangeResponse, {
    header: { clusterId: 1n, memberId: 2n, revision: 5, raftTerm: 3 },
    kvs: [{ key: 'k', value, modRevision: 4, createRevision: 4, version: 1 }],
    count: 1,
  })
}

export const EMPTY_HEADER = ResponseHeader.encode({})

function startStream(call: FakeCall, headers: Record<string, string> = {}): void {
  call.stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', ...headers },
    { waitForTrailers: true },
  )
}

function makeCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, index: number): FakeCall {
  const call: FakeCall = {
    name: String(headers[':path']).replace('/etcdserverpb.', ''),
    headers,
    stream,
    session: stream.session as ServerHttp2Session,
    messages: [],
    onMessage: () => undefined,
    index,
    answer(frame, { code = 0, message, chunkBytes = frame.length || 1 } = {}) {
      if (stream.destroyed) return
      startStream(call)
      stream.on('wantTrailers', () => {
        const text = message === undefined ? {} : { 'grpc-message': message }
        stream.sendTrailers({ 'grpc-status': String(code), ...text })
      })
      for (let at = 0; at < frame.length; at += chunkBytes) stream.write(frame.subarray(at, at + chunkBytes))
      stream.end()
    },
    refuse(code, message) {
      if (stream.destroyed) return
      const status = { 'grpc-status': String(code), 'grpc-message': message }
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true })
    },
  }
  return call
}

/** Answers each message of a stream, the first included; undefined answers nothing. */
export function answerEach(call: FakeCall, answer: (message: Buffer) => Buffer | undefined): void {
  call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
  const reply = (message: Buffer): void => {
    const frame = answer(message)
    if (frame !== undefined && !call.stream.destroyed) call.stream.write(frame)
  }
  for (const message of call.messages) reply(message)
  call.onMessage = reply
}

export interface FakeServerOptions {
  readonly tls?: SecureServerOptions
  readonly port?: number
  readonly settings?: Settings
}

/** Starts a server on a free port of loopback. Duplex calls reach the script with their first message. */
export async function startFakeServer(
  script: Script,
  { tls, port: wanted = 0, settings = {} }: FakeServerOptions = {},
): Promise<FakeServer> {
  const calls: FakeCall[] = []
  const sessions = new Set<ServerHttp2Session>()
  const server: Http2Server =
    tls === undefined ? createServer({ settings }) : (createSecureServer(tls) as unknown as Http2Server)
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => undefined)
  })
  server.on('stream', (stream, headers) => {
    const call = makeCall(stream, headers, calls.length)
    calls.push(call)
    const reader = new FrameReader((message) => {
      call.messages.push(message)
      if (call.messages.length === 1) script(call)
      else call.onMessage(message)
    })
    stream.on('data', (chunk: Buffer) => reader.push(chunk))
    stream.on('error', () => undefined)
  })
  server.listen(wanted, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    calls,
    sessions,
    server,
    async close() {
      for (const session of sessions) session.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A TCP server that does what it likes with a connection. */
export async function startRawServer(
  onSocket: (socket: Socket) => void,
): Promise<{ readonly endpoint: string; close(): Promise<void> }> {
  const { createServer: createTcpServer } = await import('node:net')
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A channel with short times, but for that of a whole call: an answered one may take seconds on a busy machine. */
export function testChannel(
  endpoints: readonly string[],
  settings: Partial<ChannelSettings> = {},
): UndiciChannel {
  return new UndiciChannel({
    clientName: 'etcd',
    endpoints,
    tls: undefined,
    credentials: undefined,
    connectTimeoutMs: 1_000,
    callTimeoutMs: 15_000,
    attemptTimeoutMs: 300,
    pingIntervalMs: 0,
    maxRequestBytes: 1_500_000,
    maxResponseBytes: 100_000_000,
    backoff: { minMs: 5, maxMs: 50, factor: 2, jitter: 0.5 },
    clock: systemClock,
    logger: silentLogger,
    discover: undefined,
    ...settings,
  })
}
