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
}

/**
 * For adapters: pins a snapshot to one HTTP request and returns it; handle the request inside `config.runPinned(…,
 * snapshot)`. Node emits the events of a request's body and of the end of its response in the asynchronous context of the
 * connection, which is older than the request. So this also makes listeners on both objects run inside the pin. A request
 * that is already pinned keeps its snapshot.
 */
export function pinRequest<T>(config: LiveConfig<T>, request: Pinnable, response: RequestPart): Snapshot<T> {
  const pinned = findPin(config, request)
  if (pinned !== undefined) return pinned
  const snapshot = config.snapshot()
  request[PINS] = { config, snapshot, others: request[PINS] }
  emitPinned(config, request, snapshot)
  emitPinned(config, response, snapshot)
  return snapshot
}

function findPin<T>(config: LiveConfig<T>, request: Pinnable): Snapshot<T> | undefined {
  for (let pin = request[PINS]; pin !== undefined; pin = pin.others) {
    if (pin.config === config) return pin.snapshot as Snapshot<T>
  }
  return undefined
}

function emitPinned<T>(config: LiveConfig<T>, part: RequestPart, snapshot: Snapshot<T>): void {
  const emit = part.emit
  part.emit = (event, ...args) => {
    // Most events of a request have no listener, and entering the pin is expensive.
    if (part.listenerCount(event) === 0) return emit.call(part, event, ...args)
    return config.runPinned(() => emit.call(part, event, ...args), snapshot)
  }
}
