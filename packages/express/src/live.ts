import { assertLiveConfig, borrowForResponse, kindOfValue } from '@livetree/core/adapter'
import { type LiveConfig, LivetreeError, type LiveOptions, live as liveValue } from '@livetree/core'
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'

/** A stable middleware that delegates to a replaceable one. */
export interface LiveMiddleware extends RequestHandler {
  /** Stops following the configuration. Resolves when the last request has ended and every inner middleware is disposed. */
  close(): Promise<void>
}

/** A stable error handler that delegates to a replaceable one. */
export interface LiveErrorHandler extends ErrorRequestHandler {
  /** Like `LiveMiddleware.close`. */
  close(): Promise<void>
}

/**
 * Creates a stable middleware around one that is created again when its part of the configuration changes:
 * `app.use(live(config, (c) => c.limits, (limits) => rateLimit(limits)))`. A request keeps the middleware it started with;
 * an old one is disposed after its last request: when the response is closed and the promise that the middleware returned
 * has settled. If it returned none and the client has gone away, it may use callbacks: it is in use until it ends the
 * response, at most 30 seconds. If the factory throws or returns anything but a middleware, the old one
 * stays in service and the failure is reported by the configuration's `error` event.
 *
 * If the factory returns error handlers, which in Express have four parameters, the result is an error handler. It closes
 * with the configuration; with a `dispose`, later requests get status 503.
 *
 * @throws whatever the selector or the factory throws in the first call; LivetreeError `invalid_options` or `closed`
 */
export function live<T, S, R extends RequestHandler>(
  config: LiveConfig<T>,
  selector: (value: T) => S,
  factory: (selected: S) => R,
  options?: LiveOptions<S, R>,
): LiveMiddleware
export function live<T, S, R extends ErrorRequestHandler>(
  config: LiveConfig<T>,
  selector: (value: T) => S,
  factory: (selected: S) => R,
  options?: LiveOptions<S, R>,
): LiveErrorHandler
export function live<T, S, R extends RequestHandler | ErrorRequestHandler>(
  config: LiveConfig<T>,
  selector: (value: T) => S,
  factory: (selected: S) => R,
  options?: LiveOptions<S, R>,
): LiveMiddleware | LiveErrorHandler {
  assertLiveConfig('live()', config)
  let kind: Kind | undefined
  const makeHandler = (selected: S) => {
    const handler = factory(selected)
    kind = assertHandler(handler, kind)
    return handler
  }
  const value = liveValue(config, selector, typeof factory === 'function' ? makeHandler : factory, options)
  let isClosed = false
  const close = () => {
    isClosed = true
    return value.close()
  }

  // Without a `dispose`, an instance needs no borrowing and stays usable after `close`.
  const hasDispose = options?.dispose !== undefined
  const isGone = () => hasDispose && (isClosed || config.signal.aborted)
  const call = (response: Response, handle: (inner: R) => unknown) =>
    (hasDispose ? borrowForResponse(value, response, handle) : handle(value.current)) as void | Promise<void>
  // Express distinguishes the two by their number of parameters, so both are written out.
  const middleware: RequestHandler = (request, response, next) =>
    isGone()
      ? next(closedError(options?.name))
      : call(response, (inner) => (inner as RequestHandler)(request, response, next))
  const errorHandler = (error: unknown, request: Request, response: Response, next: NextFunction) =>
    isGone()
      ? next(error)
      : call(response, (inner) => (inner as ErrorRequestHandler)(error, request, response, next))
  return Object.assign(kind === 'an error handler' ? errorHandler : middleware, { close })
}

type Kind = 'an error handler' | 'a middleware'

/** Returns the kind of handler the factory returned. @throws LivetreeError `invalid_options` if Express would not call it */
function assertHandler(made: unknown, before: Kind | undefined): Kind {
  // Core rejects a promise and handles its rejection.
  if (typeof made !== 'function' && kindOfValue(made) !== 'a promise') {
    throw refusal(
      `returned ${kindOfValue(made)}; expected a middleware, or an error handler with four parameters`,
    )
  }
  const arity = typeof made === 'function' ? made.length : 0
  if (arity > 4) throw refusal(`returned a function of ${arity} parameters, which Express never calls`)
  const kind = arity === 4 ? 'an error handler' : 'a middleware'
  if (before !== undefined && before !== kind) {
    throw refusal(`returned ${kind} after ${before}; it must always return the same kind`)
  }
  return kind
}

function refusal(what: string): LivetreeError {
  return new LivetreeError('invalid_options', `The factory of live() ${what}`)
}

function closedError(name = 'This middleware'): LivetreeError & { status: number } {
  const message = `${name} is closed: its configuration was closed before the server. Close the server first.`
  return Object.assign(new LivetreeError('closed', message), { status: 503 })
}
