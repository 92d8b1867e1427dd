import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import type { Client } from 'undici'

/** What undici keeps on a client under symbols of its own. */
interface Internals {
  readonly session: ClientHttp2Session
  /** Asked before each request whether it has to wait. */
  readonly context: { busy(request: unknown): boolean }
}

function internalsOf(client: Client): Internals | undefined {
  const held = client as unknown as Record<symbol, unknown>
  const symbols = Object.getOwnPropertySymbols(client)
  const heldAs = (description: string): unknown => {
    const symbol = symbols.find((each) => each.description === description)
    return symbol === undefined ? undefined : held[symbol]
  }
  const session = heldAs('http2Session') as Internals['session'] | undefined
  const context = heldAs('http context') as Internals['context'] | undefined
  return session === undefined || typeof context?.busy !== 'function' ? undefined : { session, context }
}

const HEADERS_FRAME = 1

function ignore(): undefined {
  return undefined
}

/**
 * Node takes the answer to a call that was given up before its request was wholly sent for a pushed stream, and nobody
 * listens to that one: an error of the connection would end the process, and its bytes would fill the window.
 */
function dismiss(stream: ClientHttp2Stream): void {
  stream.on('error', ignore)
  stream.close(constants.NGHTTP2_CANCEL)
}

/**
 * undici gives a call up by `close()`, whose code then is "no error", and destroys the stream at once. With that code
 * Node puts off the reset until the body is sent, and a destroyed stream never sends it: when there is room again, Node
 * sends empty frames for it without end, in one turn of the event loop, until memory runs out. A cancel goes out at once.
 * Seen with Node 24.21 and undici 8.12.4; to be removed when undici closes with a code.
 *
 * `onOpened` gives the call that a new stream is for. undici says that it starts a request before it knows that the
 * session takes it; and where a GOAWAY comes first, Node says of the stream's first frame that it was not sent.
 */
function watchRequests(session: ClientHttp2Session, onOpened: () => Sending | undefined): void {
  const request = session.request.bind(session)
  session.request = (...given) => {
    const stream = request(...given)
    const call = onOpened()
    call?.onSent()
    stream.once('frameError', (type) => {
      if (type === HEADERS_FRAME) call?.onUnsent()
    })
    const close = stream.close.bind(stream)
    stream.close = (code = constants.NGHTTP2_CANCEL, callback) => close(code, callback)
    return stream
  }
}

/**
 * undici sends the first request of a session together with its own greeting, before anything is known of the peer: a
 * peer that never answers has got it then, and what became of it is unknown. As Go does, requests wait until the peer's
 * SETTINGS are there. Seen with undici 8.12.4 (client-h2.js, `busy`); to be removed when undici can wait by itself.
 */
function holdUntil(
  { session, context }: Internals,
  onSettings: (maxCalls: number | undefined) => void,
): void {
  const { busy } = context
  context.busy = () => true
  // Before the listener of undici, which sends what waits.
  session.prependListener('remoteSettings', ({ maxConcurrentStreams }) => {
    context.busy = busy
    onSettings(maxConcurrentStreams)
  })
}

/** A call that hears whether its request may have reached the peer. */
export interface Sending {
  onSent(): void
  /** It did not, after all. */
  onUnsent(): void
}

/** Who hears of a session. */
export interface SessionListener {
  /** The peer has proved to speak HTTP/2, and takes so many calls at a time; again when it changes its mind. */
  onSettings(maxCalls: number | undefined): void
  /** A stream was opened; gives the call it is for. */
  onOpened(): Sending | undefined
}

/**
 * Watches over the session of a client that has just connected, and holds its requests until the peer has proved to
 * speak HTTP/2. False when this undici keeps its session elsewhere, so that it cannot be done.
 */
export function guardSession(client: Client, listener: SessionListener): boolean {
  const internals = internalsOf(client)
  if (internals === undefined) return false
  internals.session.on('stream', dismiss)
  watchRequests(internals.session, () => listener.onOpened())
  holdUntil(internals, (maxCalls) => listener.onSettings(maxCalls))
  return true
}
