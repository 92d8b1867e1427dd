import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import type { Client } from 'undici'

/** undici keeps its session to itself; it hangs on the client under a symbol of this description. */
const sessionOf = (client: Client): ClientHttp2Session | undefined => {
  const symbol = Object.getOwnPropertySymbols(client).find((each) => each.description === 'http2Session')
  if (symbol === undefined) return undefined
  return (client as unknown as Record<symbol, ClientHttp2Session | undefined>)[symbol]
}

const ignore = (): undefined => undefined

/**
 * Node takes the answer to a call that was given up before its request was wholly sent for a pushed stream, and nobody
 * listens to that one: an error of the connection would end the process, and its bytes would fill the window.
 */
const dismiss = (stream: ClientHttp2Stream): void => {
  stream.on('error', ignore)
  stream.close(constants.NGHTTP2_CANCEL)
}

/**
 * undici gives a call up by `close()`, whose code then is "no error", and destroys the stream at once. With that code
 * Node puts off the reset until the body is sent, and a destroyed stream never sends it: when there is room again, Node
 * sends empty frames for it without end, in one turn of the event loop, until memory runs out. A cancel goes out at once.
 */
const cancelOnClose = (session: ClientHttp2Session): void => {
  const request = session.request.bind(session)
  session.request = (...given) => {
    const stream = request(...given)
    const close = stream.close.bind(stream)
    stream.close = (code = constants.NGHTTP2_CANCEL, callback) => close(code, callback)
    return stream
  }
}

/** Watches over the session of a client that has just connected. `onSettings` hears that the peer speaks HTTP/2. */
export const guardSession = (client: Client, onSettings: () => void): void => {
  const session = sessionOf(client)
  if (session === undefined) return
  session.on('stream', dismiss)
  session.on('remoteSettings', onSettings)
  cancelOnClose(session)
}
