import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import type { Client } from 'undici'

/** The state that undici keeps on a client under its own symbols. */
interface Internals {
  readonly session: ClientHttp2Session
  /** Called before each request; true makes it wait. */
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
 * Node treats the response to a call that was aborted before its request was completely sent as a pushed
 * stream without listeners: an error of the connection would end the process, and its data would fill the
 * flow-control window.
 */
function dismiss(stream: ClientHttp2Stream): void {
  stream.on('error', ignore)
  stream.close(constants.NGHTTP2_CANCEL)
}

/**
 * undici aborts a call with `close()`, whose default code is "no error", and destroys the stream at once.
 * With that code Node delays the reset until the body is sent, which a destroyed stream never does: once the
 * window opens, Node sends empty frames in an endless loop within one turn of the event loop, until memory
 * runs out. A cancel is sent at once. Seen with Node 24.21 and undici 8.12.4; remove when undici closes with
 * a code.
 *
 * `onOpened` returns the call that a new stream is for. undici reports the start of a request before it knows
 * that the session accepts it; if a GOAWAY arrives first, Node reports that the stream's first frame was not
 * sent.
 */
function watchRequests(
  session: ClientHttp2Session,
  { onOpened, onClosed }: Pick<SessionListener, 'onOpened' | 'onClosed'>,
): void {
  const request = session.request.bind(session)
  session.request = (...given) => {
    const stream = request(...given)
    const call = onOpened()
    if (call !== undefined) stream.once('close', () => onClosed(call, stream.writableFinished))
    call?.onSent()
    // A peer may answer early and read no further: then the call is over, and so is its request.
    stream.once('end', () => {
      setImmediate(() => {
        if (!stream.writableFinished && !stream.closed) stream.close(constants.NGHTTP2_CANCEL)
      })
    })
    stream.once('frameError', (type) => {
      if (type === HEADERS_FRAME) call?.onUnsent()
    })
    const close = stream.close.bind(stream)
    stream.close = (code = constants.NGHTTP2_CANCEL, callback) => close(code, callback)
    return stream
  }
}

/**
 * undici sends the first request of a session together with the client preface, before anything is known of
 * the peer. A peer that never answers has then received the request, and its outcome is unknown. Like in Go,
 * requests wait until the peer's SETTINGS frame arrives. Seen with undici 8.12.4 (client-h2.js, `busy`);
 * remove when undici can wait.
 */
function holdUntil(
  { session, context }: Internals,
  onSettings: (maxCalls: number | undefined) => void,
): void {
  const { busy } = context
  context.busy = () => true
  // Before undici's own listener, which sends waiting requests.
  session.prependListener('remoteSettings', ({ maxConcurrentStreams }) => {
    context.busy = busy
    onSettings(maxConcurrentStreams)
  })
}

/**
 * Notices when undici's ping is to be sent and when the peer has answered it. Returns a function that sends another one
 * and returns false if that is not possible any more.
 */
function watchPings(session: ClientHttp2Session, onPing: SessionListener['onPing']): GuardedSession['ping'] {
  const ping = session.ping.bind(session)
  session.ping = (...given: unknown[]) => {
    const onPong = onPing()
    if (onPong === undefined) return true
    const callback = given.pop() as PingCallback
    const onAck: PingCallback = (error, ...rest) => {
      if (error === null) onPong()
      callback(error, ...rest)
    }
    return (ping as (...all: unknown[]) => boolean)(...given, onAck)
  }
  return (onPong) => {
    if (session.destroyed) return false
    return ping((error) => {
      if (error === null) onPong()
    })
  }
}

/** Notices that the peer is about to close the connection because of too many pings; the words are gRPC's. */
function watchGoaway(session: ClientHttp2Session, onTooManyPings: () => void): void {
  session.on('goaway', (code, _lastStreamId, data?: Uint8Array) => {
    const isCalming = code === constants.NGHTTP2_ENHANCE_YOUR_CALM
    if (isCalming && data !== undefined && Buffer.from(data).toString() === 'too_many_pings') onTooManyPings()
  })
}

type PingCallback = (error: Error | null, ...rest: unknown[]) => void

/** A call that is notified whether its request may have reached the peer. */
export interface Sending {
  onSent(): void
  /** Revokes `onSent`: the request was not sent after all. */
  onUnsent(): void
}

/** Callbacks for a session. */
export interface SessionListener {
  /**
   * The peer has sent its HTTP/2 settings, with its limit of concurrent calls; called again when it changes
   * the limit.
   */
  onSettings(maxCalls: number | undefined): void
  /** A stream was opened; returns the call it is for. */
  onOpened(): Sending | undefined
  /** The stream of a call is closed, and the session has sent all of its request or will not any more. */
  onClosed(call: Sending, isAllSent: boolean): void
  /** A ping is to be sent; returns what is called once the peer has answered it, or undefined to leave it out. */
  onPing(): (() => void) | undefined
  /** The peer is about to close the connection because it got too many pings. */
  onTooManyPings(): void
}

/** A session that is guarded. */
export interface GuardedSession {
  /** Sends a ping and calls `onPong` once it is answered. Returns false if the session has ended. */
  ping(onPong: () => void): boolean
}

/**
 * Guards the session of a client that has just connected, and holds its requests back until the peer has sent
 * its settings. Returns undefined if this version of undici keeps its session elsewhere, so that this is not
 * possible.
 */
export function guardSession(client: Client, listener: SessionListener): GuardedSession | undefined {
  const internals = internalsOf(client)
  if (internals === undefined) return undefined
  internals.session.on('stream', dismiss)
  watchRequests(internals.session, listener)
  watchGoaway(internals.session, () => listener.onTooManyPings())
  const ping = watchPings(internals.session, () => listener.onPing())
  holdUntil(internals, (maxCalls) => listener.onSettings(maxCalls))
  return { ping }
}
