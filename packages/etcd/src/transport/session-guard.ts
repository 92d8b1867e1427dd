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

/** Watches over the session of a client that has just connected. `onSettings` hears that the peer speaks HTTP/2. */
export const guardSession = (client: Client, onSettings: () => void): void => {
  const session = sessionOf(client)
  session?.on('stream', dismiss)
  session?.on('remoteSettings', onSettings)
}
