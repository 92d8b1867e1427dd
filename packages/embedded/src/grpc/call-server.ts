import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { Cluster, KV, Maintenance, type Method, type RangeRequest } from '@livetree/etcd/wire'
import type { Caller } from '../auth/caller.ts'
import type { Clock } from '../clock.ts'
import type { CallFaults } from '../faults.ts'
import { ETCD_ERROR, GRPC_CODE, StatusError } from '../status.ts'
import { type Admission, admitCall } from './admit-call.ts'
import { Call, guardStream, isAnswerable, refuseStream } from './call.ts'
import type { Route, ServerCall, StreamHandler } from './service.ts'
import { statusOf } from './status-headers.ts'

/** Time after which etcd gives up a request without a leader: 5 s and two elections. */
const LEADERLESS_TIMEOUT_MS = 7000

/** A shorter timeout is over before the call starts, in milliseconds. */
const LEAST_TIMEOUT_MS = 0.1

/** The longest delay of Node's timers, in milliseconds (24 days); longer timeouts are ignored. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** What a client says of a call besides its messages. */
export interface CallTerms {
  readonly token: string | undefined
  readonly timeoutMs: number | undefined
}

/** What the server needs for its calls. */
export interface CallServerOptions {
  readonly routes: readonly Route[]
  readonly faults: CallFaults
  readonly clock: Clock
  caller(token: string | undefined): Caller
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

function unknownMethod(path: string, routes: ReadonlyMap<string, Route>): StatusError {
  const text = path.startsWith('/') ? path.slice(1) : path
  const slash = text.lastIndexOf('/')
  if (slash < 0) {
    return new StatusError(GRPC_CODE.unimplemented, `malformed method name: ${JSON.stringify(path)}`)
  }
  const [service, method] = [text.slice(0, slash), text.slice(slash + 1)]
  const isKnown = [...routes.keys()].some((known) => known.startsWith(`/${service}/`))
  const what = isKnown ? `unknown method ${method} for service ${service}` : `unknown service ${service}`
  return new StatusError(GRPC_CODE.unimplemented, what)
}

/** True for requests a member can answer without a leader. */
function needsNoLeader(path: string, request: unknown): boolean {
  return (
    path === Maintenance.status.path ||
    path === Cluster.memberList.path ||
    (path === KV.range.path && (request as RangeRequest).serializable)
  )
}

/** Handles HTTP/2 streams as gRPC calls, and dispatches these and those of the JSON gateway to the routes. */
export class CallServer {
  readonly #options: CallServerOptions
  readonly #routes: ReadonlyMap<string, Route>
  /** The open duplex calls, and those that wait for other clients. */
  readonly #streams = new Set<ServerCall>()
  /** Calls whose response is delayed by a fault, with a function that cancels the timer. */
  readonly #held = new Map<ServerCall, () => void>()

  constructor(options: CallServerOptions) {
    this.#options = options
    this.#routes = new Map(options.routes.map((route) => [route.method.path, route]))
  }

  /** Handles a stream. A failure ends only that stream; nothing is thrown. */
  serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // A client that disconnects resets its streams; the `close` event that follows is sufficient.
    stream.on('error', () => {})
    // The stream is already closed: nobody waits for a response, and nothing else would free it.
    if (isAnswerable(stream)) guardStream(stream, () => this.#serve(stream, headers))
    else stream.destroy()
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = headers[':path'] ?? ''
    let admission: Admission
    try {
      admission = admitCall(headers)
    } catch (error) {
      refuseStream(stream, statusOf(error))
      return
    }
    const route = this.#routes.get(path)
    if (route === undefined) {
      refuseStream(stream, unknownMethod(path, this.#routes))
      return
    }
    const call = new Call(route.method, stream, admission, textOf(headers.hasleader) === 'true')
    const token = textOf(headers.token) ?? textOf(headers.authorization)
    this.run(call, route, { token, timeoutMs: admission.timeoutMs })
  }

  /** The implementation of a method. */
  routeOf({ path }: Method<unknown, unknown>): Route | undefined {
    return this.#routes.get(path)
  }

  /** Passes a call to its method. `timeoutMs` is how long the client waits, in milliseconds. */
  run(call: ServerCall, route: Route, { token, timeoutMs }: CallTerms): void {
    const caller = this.#options.caller(token)
    if (call.requiresLeader && this.#options.faults.hasNoLeader) call.fail(ETCD_ERROR.noLeader())
    else if (route.type === 'unary') this.#serveUnary(call, route, caller)
    else this.#serveDuplex(call, route, caller)
    if (timeoutMs !== undefined) this.#endAfter(call, timeoutMs)
  }

  /** Ends the open duplex calls, and the calls whose response is delayed. */
  close(): void {
    this.failStreams(ETCD_ERROR.stopped())
    for (const [call, cancel] of this.#held) {
      cancel()
      call.fail(ETCD_ERROR.stopped())
    }
    this.#held.clear()
  }

  /** Resets the open duplex calls. */
  resetStreams(): void {
    for (const call of this.#streams) call.reset()
  }

  /** Ends open duplex calls with an error: all of them, or those selected by `which`. */
  failStreams(error: StatusError, which: (call: ServerCall) => boolean = () => true): void {
    for (const call of this.#streams) if (which(call)) call.fail(error)
  }

  #serveUnary(call: ServerCall, route: Route & { type: 'unary' }, caller: Caller): void {
    call.readOne((request, requestBytes) => {
      if (this.#options.faults.hasNoLeader && !needsNoLeader(route.method.path, request)) {
        this.#hold(call, () => call.fail(ETCD_ERROR.timedOut()), LEADERLESS_TIMEOUT_MS)
        return
      }
      if (route.waits) {
        this.#streams.add(call)
        call.onClose(() => this.#streams.delete(call))
      }
      const onClose = (listener: () => void): void => call.onClose(listener)
      this.#run(call, () => route.handle(request, { caller, requestBytes, onClose }))
    })
  }

  /** Refuses a call when its client's timeout is over. As in etcd, work in progress may still be applied. */
  #endAfter(call: ServerCall, timeoutMs: number): void {
    const end = (): void => call.fail(ETCD_ERROR.deadlineExceeded())
    // Such a short time is over before the request is read.
    if (timeoutMs < LEAST_TIMEOUT_MS) end()
    else if (timeoutMs <= MAX_TIMER_MS)
      call.onClose(this.#options.clock.schedule(end, Math.max(timeoutMs, 1)))
  }

  /** Runs a handler. Most handlers answer synchronously, which avoids a promise. */
  #run(call: ServerCall, handle: () => unknown): void {
    const fail = (error: unknown): void => this.#settle(call, () => call.fail(error))
    const answer = (message: unknown): void => this.#settle(call, () => call.answer(message as object))
    try {
      const result = handle()
      // Sending may fail, too, if the response is too large to encode.
      if (result instanceof Promise) result.then(answer).catch(fail)
      else answer(result)
    } catch (error) {
      fail(error)
    }
  }

  /** Sends the response, unless a fault loses or delays it. */
  #settle(call: ServerCall, send: () => void): void {
    const { faults } = this.#options
    if (faults.answersToLose > 0) {
      faults.answersToLose -= 1
      call.reset()
    } else if (faults.delayMs > 0) {
      this.#hold(call, send, faults.delayMs)
    } else {
      send()
    }
  }

  #hold(call: ServerCall, send: () => void, delayMs: number): void {
    const cancel = this.#options.clock.schedule(() => {
      this.#held.delete(call)
      try {
        send()
      } catch (error) {
        // The response may be too large to encode.
        call.fail(error)
      }
    }, delayMs)
    this.#held.set(call, cancel)
  }

  #serveDuplex(call: ServerCall, route: Route & { type: 'duplex' }, caller: Caller): void {
    const handler = route.open(call, {
      caller,
      requestBytes: 0,
      onClose: (listener) => call.onClose(listener),
    })
    this.#streams.add(call)
    call.onDrain(() => handler.drain())
    call.onClose(() => {
      this.#streams.delete(call)
      handler.close()
    })
    call.read(
      (message) => this.#receive(call, handler, message),
      () => handler.end(),
    )
  }

  #receive(call: ServerCall, handler: StreamHandler<unknown>, message: unknown): void {
    try {
      handler.receive(message)
    } catch (error) {
      call.fail(error)
    }
  }
}
