import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { EtcdError } from '../errors.ts'
import { sharedLookup } from './shared-lookup.ts'

/** The HTTP/2 client preface and an empty SETTINGS frame (RFC 9113 section 3.4). */
const GREETING = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])

const SETTINGS_FRAME = 4
const TLS_ALERT = 0x15
const MAX_BYTES = 4096
const TIMEOUT_MS = 1000

function target(url: URL): { host: string; port: number } {
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  }
}

/** The first bytes a server sends in reply to the plain greeting; empty if it sends none. */
function firstWords(url: URL, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve) => {
    let heard = Buffer.alloc(0)
    const socket: Socket = connectTcp({ ...target(url), lookup: sharedLookup })
    const finish = (): void => {
      socket.destroy()
    }
    signal.addEventListener('abort', finish)
    socket.setTimeout(TIMEOUT_MS, finish)
    socket.on('connect', () => socket.write(GREETING))
    socket.on('data', (part: Buffer) => {
      heard = Buffer.concat([heard, part])
      // A plain HTTP response ends by itself; its body may contain the reason.
      const isHttp1 = heard.toString('latin1', 0, 5).startsWith('HTTP/')
      if (heard.length >= MAX_BYTES || (heard.length >= 9 && !isHttp1)) finish()
    })
    for (const event of ['end', 'error']) socket.on(event, finish)
    socket.on('close', () => {
      signal.removeEventListener('abort', finish)
      resolve(heard)
    })
  })
}

/**
 * True if a TLS handshake reaches the exchange of certificates, whatever its result. Sends no application
 * data.
 */
function speaksTls(url: URL, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const { host, port } = target(url)
    const socket = connectTls({
      host,
      port,
      lookup: sharedLookup,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    })
    let answer = false
    const finish = (found: boolean): void => {
      answer ||= found
      socket.destroy()
    }
    const stop = (): void => finish(false)
    signal.addEventListener('abort', stop)
    socket.setTimeout(TIMEOUT_MS, stop)
    socket.on('secureConnect', () => finish(true))
    socket.on('error', (error: NodeJS.ErrnoException) => finish(/_ALERT_/.test(error.code ?? '')))
    socket.on('close', () => {
      signal.removeEventListener('abort', stop)
      resolve(answer)
    })
  })
}

type Peer = 'http2' | 'http1' | 'tls' | 'other' | 'silent'

function classify(heard: Buffer): Peer {
  if (heard.length === 0) return 'silent'
  const text = heard.toString('latin1')
  if (heard[0] === TLS_ALERT || (text.startsWith('HTTP/') && /https/i.test(text))) return 'tls'
  if (text.startsWith('HTTP/')) return 'http1'
  return heard.length >= 5 && heard[3] === SETTINGS_FRAME ? 'http2' : 'other'
}

/**
 * Finds out what kind of server closed the connection before sending anything, because HTTP/2 and TLS
 * libraries only report a protocol error. Returns `undefined` if nothing more is found. Once the signal has
 * aborted, no socket is left open.
 */
export async function diagnosePeer(
  endpoint: string,
  cause: unknown,
  signal: AbortSignal,
): Promise<EtcdError | undefined> {
  if (signal.aborted) return undefined
  const url = new URL(endpoint)
  const isTls = url.protocol === 'https:'
  const tell = (code: 'tls_failed' | 'not_grpc', what: string, remedy?: string): EtcdError =>
    new EtcdError(code, { endpoint, what, remedy, cause, fate: 'not_sent' })
  const heard = await firstWords(url, signal)
  const peer = classify(heard)
  if (isTls) {
    if (peer !== 'http1' && peer !== 'http2') return undefined
    return tell(
      'tls_failed',
      'the server does not speak TLS on this port',
      'Use http:// in the endpoint, or switch TLS on at the server (--cert-file, --key-file).',
    )
  }
  if (peer === 'tls' || (peer === 'silent' && !signal.aborted && (await speaksTls(url, signal)))) {
    return tell('tls_failed', 'the server speaks TLS on this port', 'Use https:// in the endpoint.')
  }
  if (peer === 'http1') {
    return tell('not_grpc', `the server on this port speaks ${heard.toString('latin1', 0, 8)}, not HTTP/2`)
  }
  return peer === 'other' ? tell('not_grpc', 'the server on this port does not speak HTTP/2') : undefined
}
