import type { Dispatcher } from 'undici'
import { asError, DiscoveryError } from '../errors.ts'
import { SERVICE_NAME } from '../record/service-name.ts'
import type { RoutedOptions } from './attempt.ts'
import { type Destination, RoutedRequest } from './routed-request.ts'
import type { RouteTarget } from './route-target.ts'
import type { RunningRequests } from './running-requests.ts'

/** Finds the target of a service and keeps it in use until `release` is called. */
export type UseTarget = (service: string) => { readonly target: RouteTarget; readonly release: () => void }

/** The host names that are services. */
const SUFFIX = '.service'

/** Limit of remembered origins; a caller may ask for any. */
const MOST_ORIGINS = 1_000

/** What an origin means: a service, a mistake, or (undefined) another host. */
type Meaning = (Destination & { readonly service: string }) | DiscoveryError | undefined

/** Sends the requests for `http(s)://<name>.service` to endpoints of that service. */
export class Routes {
  readonly #useTarget: UseTarget
  /** Parsing an origin takes longer than choosing an endpoint. */
  readonly #destinations = new Map<string, Meaning>()
  /** The origin of the last request: mostly it is that of the next one, and comparing is quicker than hashing. */
  #last: { readonly origin: string; readonly meaning: Meaning } | undefined

  constructor(useTarget: UseTarget) {
    this.#useTarget = useTarget
  }

  /**
   * Takes a request if its host is a service, and keeps it in `running` until it has ended. Returns whether it did.
   */
  take(options: RoutedOptions, handler: Dispatcher.DispatchHandler, running: RunningRequests): boolean {
    const destination = this.#destinationOf(String(options.origin))
    if (destination === undefined) return false
    if (destination instanceof DiscoveryError) {
      refuse(handler, destination)
      return true
    }
    const used = this.#use(destination.service)
    if (used instanceof Error) {
      refuse(handler, used)
      return true
    }
    const { target, release } = used
    let request: RoutedRequest
    const onEnd = () => {
      running.delete(request)
      release()
    }
    try {
      request = new RoutedRequest(target, destination, options, handler, onEnd)
    } catch (error) {
      // The options, which are anybody's, cannot be read.
      release()
      refuse(handler, asError(error))
      return true
    }
    running.add(request)
    request.start()
    return true
  }

  #use(service: string): ReturnType<UseTarget> | Error {
    try {
      return this.#useTarget(service)
    } catch (error) {
      return asError(error)
    }
  }

  #destinationOf(origin: string): Meaning {
    if (this.#last?.origin === origin) return this.#last.meaning
    const meaning = this.#meaningOf(origin)
    this.#last = { origin, meaning }
    return meaning
  }

  #meaningOf(origin: string): Meaning {
    const known = this.#destinations.get(origin)
    if (known !== undefined || this.#destinations.has(origin)) return known
    const destination = destinationOf(origin)
    if (this.#destinations.size >= MOST_ORIGINS) this.#destinations.clear()
    this.#destinations.set(origin, destination)
    return destination
  }
}

function destinationOf(origin: string): Meaning {
  if (!URL.canParse(origin)) return undefined
  const { hostname, host, port, protocol } = new URL(origin)
  if (!hostname.endsWith(SUFFIX)) return undefined
  const service = hostname.slice(0, -SUFFIX.length)
  if (!SERVICE_NAME.accepts(service)) {
    return new DiscoveryError(
      'invalid_option',
      `${host} is not the host of a service: ${SERVICE_NAME.expected}`,
    )
  }
  if (port === '') return { service, host, isSecure: protocol === 'https:' }
  return new DiscoveryError('invalid_option', `${host} has a port, which only the registered endpoints know`)
}

/** Fails a request that was not begun. */
export function refuse(handler: Dispatcher.DispatchHandler, error: Error): void {
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
