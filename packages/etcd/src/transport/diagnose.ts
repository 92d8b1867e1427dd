import { connect, type Socket } from 'node:net'
import { EtcdError } from '../errors.ts'
import type { Place } from './status.ts'

/** How an HTTP/2 client greets: the preface and an empty SETTINGS frame (RFC 9113 section 3.4). */
const greeting = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])

const settingsFrame = 4
const tlsAlert = 0x15
const maxBytes = 4096
const timeoutMs = 1000

/** The first bytes a server says to the greeting; empty when it says nothing. */
const firstWords = (url: URL): Promise<Buffer> =>
  new Promise((resolve) => {
    const parts: Buffer[] = []
    const socket: Socket = connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || 80),
    })
    const finish = (): void => {
      socket.destroy()
      resolve(Buffer.concat(parts))
    }
    socket.setTimeout(timeoutMs, finish)
    socket.on('connect', () => socket.write(greeting))
    socket.on('data', (part: Buffer) => {
      parts.push(part)
      const heard = Buffer.concat(parts)
      // A plain HTTP answer ends by itself; its body may name the reason.
      if (
        heard.length >= maxBytes ||
        (heard.length >= 9 && !heard.toString('latin1', 0, 5).startsWith('HTTP/'))
      )
        finish()
    })
    socket.on('end', finish)
    socket.on('error', finish)
    socket.on('close', finish)
  })

/**
 * Finds out what sits on a port that closed the connection on our first request: HTTP/2 libraries only say that
 * the protocol was broken. Gives `undefined` when it does look like HTTP/2, or when nothing can be told.
 */
export const diagnosePeer = async (place: Place, cause: unknown): Promise<EtcdError | undefined> => {
  const url = new URL(place.endpoint)
  if (url.protocol !== 'http:') return undefined
  const heard = await firstWords(url)
  if (heard.length < 5 || heard[3] === settingsFrame) return undefined
  const text = heard.toString('latin1')
  if (heard[0] === tlsAlert || (text.startsWith('HTTP/') && /https/i.test(text))) {
    const what = 'the server speaks TLS on this port'
    return new EtcdError('tls_failed', {
      ...place,
      what,
      remedy: 'Use https:// in the endpoint.',
      fate: 'not_sent',
      cause,
    })
  }
  const what = text.startsWith('HTTP/')
    ? `the server on this port speaks ${text.slice(0, 8)}, not HTTP/2`
    : 'the server on this port does not speak HTTP/2'
  return new EtcdError('not_grpc', { ...place, what, fate: 'not_sent', cause })
}
