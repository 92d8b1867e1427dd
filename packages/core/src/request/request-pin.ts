import type { LiveConfig } from '../live-config.ts'
import type { Snapshot } from '../updates/snapshot.ts'

/** The part of Node's requests and responses that `pinRequest` uses. */
export interface RequestPart {
  emit(event: string | symbol, ...args: unknown[]): boolean
  listenerCount(event: string | symbol): number
}

/** Stored on the request, not in the asynchronous context, which a pipelined request may inherit from the one before. */
const PINS = Symbol('livetree.pins')

type Pinnable = RequestPart & { [PINS]?: RequestPin | undefined }

interface RequestPin {
  readonly config: object
  readonly snapshot: Snapshot<unknown>
  readonly others: RequestPin | undefined
  /** Whether listeners on the request and the response run inside the pin. */
  isEmitted: boolean
}

/**
 * For adapters: pins a snapshot to one HTTP request and returns it; handle the request inside `config.runPinned(…,
 * snapshot)`. Node emits the events of a request's body and of the end of its response in the asynchronous context of the
 * connection, which is older than the request. So this also makes listeners on both objects run inside the pin. A request
 * that is already pinned keeps its snapshot.
 */
export function pinRequest<T>(config: LiveConfig<T>, request: Pinnable, response: RequestPart): Snapshot<T> {
  const pin = pinOf(config, request)
  if (!pin.isEmitted) {
    pin.isEmitted = true
    emitPinned(config, request, pin.snapshot)
    emitPinned(config, response, pin.snapshot)
  }
  return pin.snapshot
}

/** For adapters: as {@link pinRequest}, for code that reads the request alone: `config.pinned()` does not know of it. */
export function pinRequestAlone<T>(config: LiveConfig<T>, request: Pinnable): Snapshot<T> {
  return pinOf(config, request).snapshot
}

function pinOf<T>(config: LiveConfig<T>, request: Pinnable): RequestPin & { readonly snapshot: Snapshot<T> } {
  for (let pin = request[PINS]; pin !== undefined; pin = pin.others) {
    if (pin.config === config) return pin as RequestPin & { readonly snapshot: Snapshot<T> }
  }
  const made = { config, snapshot: config.snapshot(), others: request[PINS], isEmitted: false }
  request[PINS] = made
  return made
}

function emitPinned<T>(config: LiveConfig<T>, part: RequestPart, snapshot: Snapshot<T>): void {
  const emit = part.emit
  part.emit = (event, ...args) => {
    // Most events of a request have no listener, and entering the pin is expensive.
    if (part.listenerCount(event) === 0) return emit.call(part, event, ...args)
    return config.runPinned(() => emit.call(part, event, ...args), snapshot)
  }
}
