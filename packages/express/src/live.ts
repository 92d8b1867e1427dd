import { assertLiveConfig, borrowForResponse, kindOfValue } from '@livetree/core/adapter'
import { type LiveConfig, LivetreeError, type LiveOptions, live as liveValue } from '@livetree/core'
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'

/** A middleware that stays the same while the one inside it is replaced. */
export interface LiveMiddleware extends RequestHandler {
  /** Stops following the configuration. Resolves when the last request that used it is over and all are disposed. */
  close(): Promise<void>
}

/** An error handler that stays the same while the one inside it is replaced. */
export interface LiveErrorHandler extends ErrorRequestHandler {
  /** As that of `LiveMiddleware`. */
  close(): Promise<void>
}

/**
 * A stable middleware over one that is made anew when its part of the configuration changes:
 * `app.use(live(config, (c) => c.limits, (limits) => rateLimit(limits)))`. A request stays with the one it came to; an
 * old one is disposed after its last request. A factory that throws, or gives anything but a middleware, leaves the old one
 * in service and is reported by the configuration's event `error`.
 *
 * A factory of error handlers, with four parameters as Express has it, makes an error handler. Closes with the configuration;
 * where there is a `dispose`, requests that come later get 503.
 *
 * @throws whatever the factory throws at the first call; LivetreeError `invalid_options` or `closed`
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

  // where nothing is taken down, nothing needs to be held, and nothing is gone after close
  const hasDispose = options?.dispose !== undefined
  const isGone = () => hasDispose && (isClosed || config.signal.aborted)
  const inner = (response: Response) => (hasDispose ? borrowForResponse(value, response) : value.current)
  // Express tells the two apart by the number of parameters, so that both have to be written out
  const middleware: RequestHandler = (request, response, next) =>
    isGone() ? next(closedError(options?.name)) : (inner(response) as RequestHandler)(request, response, next)
  const errorHandler = (error: unknown, request: Request, response: Response, next: NextFunction) =>
    isGone() ? next(error) : (inner(response) as ErrorRequestHandler)(error, request, response, next)
  return Object.assign(kind === 'an error handler' ? errorHandler : middleware, { close })
}

type Kind = 'an error handler' | 'a middleware'

/** What the factory has made, if Express would call it. @throws LivetreeError `invalid_options` */
function assertHandler(made: unknown, before: Kind | undefined): Kind {
  // a promise is refused by core, which sees to it that its failure ends nothing
  if (typeof made !== 'function' && kindOfValue(made) !== 'a promise') {
    throw refusal(
      `gave ${kindOfValue(made)}; it has to return a middleware, or an error handler with four parameters`,
    )
  }
  const arity = typeof made === 'function' ? made.length : 0
  if (arity > 4) throw refusal(`gave a function of ${arity} parameters, which Express never calls`)
  const kind = arity === 4 ? 'an error handler' : 'a middleware'
  if (before !== undefined && before !== kind) {
    throw refusal(`gave ${kind}, and ${before} before; Express mounts one or the other`)
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
