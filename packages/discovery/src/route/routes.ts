import type { Dispatcher } from 'undici'
import { DiscoveryError } from '../errors.ts'
import { SERVICE_NAME } from '../record/service-name.ts'
import type { RoutedOptions } from './attempt.ts'
import { RoutedRequest } from './routed-request.ts'
import type { RouteTarget } from './route-target.ts'

/** Finds the target of a service and keeps it in use until `release` is called. */
export type UseTarget = (service: string) => { readonly target: RouteTarget; readonly release: () => void }

/** The host names that are services. */
const SUFFIX = '.service'

/** Sends the requests for `http(s)://<name>.service` to endpoints of that service. */
export class Routes {
  readonly #useTarget: UseTarget

  constructor(useTarget: UseTarget) {
    this.#useTarget = useTarget
  }

  /**
   * Takes a request if its host is a service, and keeps it in `running` until it has ended. Returns whether it did.
   */
  take(options: RoutedOptions, handler: Dispatcher.DispatchHandler, running: Set<RoutedRequest>): boolean {
    const url = urlOf(options.origin)
    if (url === undefined || !url.hostname.endsWith(SUFFIX)) return false
    const service = url.hostname.slice(0, -SUFFIX.length)
    const problem = SERVICE_NAME.accepts(service)
      ? url.port === ''
        ? undefined
        : `${url.host} has a port, which only the registered endpoints know; leave it out`
      : `${url.host} is not the host of a service: ${SERVICE_NAME.expected}`
    if (problem === undefined) this.#send(service, url.host, options, handler, running)
    else refuse(handler, new DiscoveryError('invalid_option', problem))
    return true
  }

  #send(
    service: string,
    host: string,
    options: RoutedOptions,
    handler: Dispatcher.DispatchHandler,
    running: Set<RoutedRequest>,
  ): void {
    const { target, release } = this.#useTarget(service)
    const request = new RoutedRequest(target, host, options, handler, () => {
      running.delete(request)
      release()
    })
    running.add(request)
    request.start()
  }
}

function urlOf(origin: string | URL | undefined): URL | undefined {
  if (origin instanceof URL) return origin
  return typeof origin === 'string' && URL.canParse(origin) ? new URL(origin) : undefined
}

/** Fails a request that was not begun. */
export function refuse(handler: Dispatcher.DispatchHandler, error: DiscoveryError): void {
  const controller: Dispatcher.DispatchController = {
    aborted: false,
    paused: false,
    reason: null,
    abort: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
  }
  handler.onResponseError?.(controller, error)
}
