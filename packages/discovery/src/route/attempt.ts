import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { asError } from '../errors.ts'
import type { Member } from '../view/member.ts'
import { type Fault, faultOf } from './fault.ts'
import type { RequestBody } from './request-body.ts'
import { isGatewayFailure } from './retry-rules.ts'
import type { RoutedController } from './routed-controller.ts'
import type { RouteTarget } from './route-target.ts'

/** Options of a request besides undici's. */
export interface RouteOptions {
  /** The time to the answer says nothing about the endpoint, as with long polls. Default false. */
  readonly ignoreLatency?: boolean
}

/** What undici's `dispatch` takes, and more. */
export type RoutedOptions = Dispatcher.DispatchOptions & RouteOptions

/** The request that an attempt belongs to. */
export interface AttemptOwner {
  readonly target: RouteTarget
  readonly options: RoutedOptions
  readonly body: RequestBody
  readonly handler: Dispatcher.DispatchHandler
  readonly controller: RoutedController
  /** The caller has the head of an answer, or an error. */
  readonly isOver: boolean
  /** The head of the answer is the caller's: whatever happens now is no longer hidden. */
  settle(status: number): void
  /** The request has ended, with this error if with one, and the handler knows it. */
  end(error?: Error): void
  /** An attempt has ended without an answer. */
  attemptFailed(attempt: Attempt, error: Error, fault: Fault): void
  /** Gives an attempt to the pool of its member. Pools and headers may be anybody's: throws what they throw. */
  dispatchTo(member: Member, attempt: Attempt): void
  /** Whether another attempt takes the place of one that was answered by a failing gateway. */
  replaces(attempt: Attempt, status: number, headers: IncomingHttpHeaders): boolean
}

/** At most this much of the body of an answer is read that the caller does not see. */
const MOST_DISCARDED_BYTES = 65_536
/** The longest time that such a body is read, in milliseconds: it occupies a connection. */
const DISCARD_MS = 1_000
/** One attempt of a request at one endpoint: the handler that undici calls. */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly member: Member
  readonly #request: AttemptOwner
  /** When it was put on a connection: waiting for one says nothing about the endpoint's speed. Before, when it was given to the pool. */
  #startedAt = 0
  wasStarted = false
  #wasSent = false
  #controller: Dispatcher.DispatchController | undefined
  #isReleased = false
  #isLetGo = false
  /** A pool has it. */
  isDispatched = false
  #hasFailed = false
  #isAnswered = false
  /** What the caller's handler has thrown: it says nothing about the endpoint. */
  #thrown: unknown
  /** The answer was replaced by another attempt; this many bytes of it were dropped. */
  #discarded: number | undefined
  #discardTimer: NodeJS.Timeout | undefined

  constructor(request: AttemptOwner, member: Member) {
    this.#request = request
    this.member = member
  }

  /** What is thrown on the way to its connection is the end of this attempt. */
  send(isRetry: boolean): void {
    const { target } = this.#request
    this.#startedAt = target.begin(this.member, isRetry)
    try {
      this.#request.dispatchTo(this.member, this)
    } catch (error) {
      this.onResponseError(undefined, asError(error))
    }
  }

  /**
   * Returns whether the handler will hear of it through this attempt. One that still waits for a connection is no load of its
   * endpoint any more, and says nothing about it.
   */
  abort(reason: Error): boolean {
    if (this.#controller === undefined) {
      this.#isLetGo = true
      this.#release()
      return false
    }
    this.#controller.abort(reason)
    return true
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.wasStarted = true
    if (this.#request.isOver) {
      controller.abort(this.#request.controller.reason ?? new Error('The request is over'))
      return
    }
    this.#startedAt = this.#request.target.now()
    this.#controller = controller
    this.#request.controller.target = controller
  }

  onRequestUpgrade(
    _: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    this.#answered()
    this.#release()
    const { handler, controller } = this.#request
    this.#request.settle(status)
    this.#request.end()
    handler.onRequestUpgrade?.(controller, status, headers, socket)
  }

  onResponseStart(
    own: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    text?: string,
  ): void {
    const { handler, controller, target } = this.#request
    if (status >= 200) {
      if (isGatewayFailure(status)) {
        target.judge(this.member, { type: 'failed' })
        if (this.#request.replaces(this, status, headers)) {
          this.#discarded = 0
          this.#discardTimer = setTimeout(() => own.abort(new Error('The answer was replaced')), DISCARD_MS)
          this.#discardTimer.unref()
          return
        }
      } else this.#answered()
      this.#request.settle(status)
    }
    this.#tell(() => handler.onResponseStart?.(controller, status, headers, text))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#discarded === undefined) {
      const { handler, controller: own } = this.#request
      this.#tell(() => handler.onResponseData?.(own, chunk))
      return
    }
    this.#discarded += chunk.length
    if (this.#discarded > MOST_DISCARDED_BYTES) controller.abort(new Error('The answer was replaced'))
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.#release()
    if (this.#discarded !== undefined) return
    const { handler, controller } = this.#request
    // The handler may throw, and then nothing else may follow.
    this.#request.end()
    this.#tell(() => handler.onResponseEnd?.(controller, trailers))
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#release()
    if (this.#discarded !== undefined || this.#hasFailed || this.#isLetGo) return
    this.#hasFailed = true
    const { handler, controller, target } = this.#request
    const fault = this.#faultOf(error)
    if (fault === 'endpoint') target.judge(this.member, { type: 'failed' })
    else if (controller.aborted && !this.#isAnswered) this.#abandoned(controller.reason)
    if (fault === 'endpoint' && this.isDispatched && !this.wasStarted) target.noteUnreachable(this.member)
    if (controller.aborted) {
      this.#pass(error)
      return
    }
    if (!this.#request.isOver) {
      this.#request.attemptFailed(this, error, fault)
      return
    }
    this.#request.end(error)
    handler.onResponseError?.(controller, error)
  }

  #faultOf(error: Error): Fault {
    const { controller, body } = this.#request
    if (controller.aborted || error === this.#thrown) return 'caller'
    return faultOf(error, body, this.#wasSent || this.#isAnswered)
  }

  onBodySent(chunk: Buffer): void {
    this.#wasSent = true
    this.#request.handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.#wasSent = true
    this.#request.handler.onRequestSent?.()
  }

  onResponseStarted(): void {
    this.#request.handler.onResponseStarted?.()
  }

  #tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#thrown = error
      throw error
    }
  }

  /** Passes the error of an abort on, also after the head of the answer. */
  #pass(error: Error): void {
    const { handler, controller } = this.#request
    if (this.#controller === undefined) return
    this.#request.end(error)
    handler.onResponseError?.(controller, error)
  }

  /** Records that the caller gave up. Its time limit counts as a failure of the endpoint; any other reason is unknown and does not. */
  #abandoned(reason: Error | null): void {
    const { target, options } = this.#request
    if (options.ignoreLatency === true) return
    const waitedMs = target.now() - this.#startedAt
    const isLate = reason?.name === 'TimeoutError'
    target.judge(this.member, isLate ? { type: 'failed' } : { type: 'abandoned', waitedMs })
  }

  #answered(): void {
    this.#isAnswered = true
    const { target, options } = this.#request
    const latencyMs = options.ignoreLatency === true ? undefined : target.now() - this.#startedAt
    target.judge(this.member, { type: 'answered', latencyMs })
  }

  #release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    clearTimeout(this.#discardTimer)
    this.#request.target.release(this.member)
  }
}
