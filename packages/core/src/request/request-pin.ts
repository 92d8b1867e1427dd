import type { LiveConfig } from '../live-config.ts'
import type { LiveValue } from '../resource/live-value.ts'
import type { Snapshot } from '../updates/snapshot.ts'

/** What is needed of Node's requests and responses. */
export interface RequestPart {
  emit(event: string | symbol, ...args: unknown[]): boolean
  listenerCount(event: string | symbol): number
}

/** On the request itself, and not in the asynchronous context: that of a pipelined request may be the one before it. */
const pins = Symbol('livetree.pins')

/** What is needed of Node's responses to know when a request is over. */
export interface ResponsePart {
  readonly closed?: boolean
  once(event: string, listener: () => void): unknown
}

type Pinnable = RequestPart & { [pins]?: RequestPin | undefined }

interface RequestPin {
  readonly config: object
  readonly snapshot: Snapshot<unknown>
  readonly others: RequestPin | undefined
}

/**
 * For adapters: the snapshot of one HTTP request, to be handled inside `config.runPinned(…, snapshot)`. Node tells of a
 * request's body, and of the end of its response, from the connection's own asynchronous context, which began before the
 * request; so from now on listeners on the two are called inside the pin as well. A request that is pinned already keeps
 * its snapshot.
 */
export function pinRequest<T>(config: LiveConfig<T>, request: Pinnable, response: RequestPart): Snapshot<T> {
  const pinned = findPin(config, request)
  if (pinned !== undefined) return pinned
  const snapshot = config.snapshot()
  request[pins] = { config, snapshot, others: request[pins] }
  emitPinned(config, request, snapshot)
  emitPinned(config, response, snapshot)
  return snapshot
}

function findPin<T>(config: LiveConfig<T>, request: Pinnable): Snapshot<T> | undefined {
  for (let pin = request[pins]; pin !== undefined; pin = pin.others) {
    if (pin.config === config) return pin.snapshot as Snapshot<T>
  }
  return undefined
}

function emitPinned<T>(config: LiveConfig<T>, part: RequestPart, snapshot: Snapshot<T>): void {
  const emit = part.emit
  part.emit = (event, ...args) => {
    // most events of a request have no listener, and entering the pin is what costs
    if (part.listenerCount(event) === 0) return emit.call(part, event, ...args)
    return config.runPinned(() => emit.call(part, event, ...args), snapshot)
  }
}

/** For adapters: borrows the newest instance until the response is sent or its connection is gone. */
export function borrowForResponse<R>(value: LiveValue<R>, response: ResponsePart): R {
  const borrowed = value.acquire()
  if (response.closed) borrowed.release()
  else response.once('close', borrowed.release)
  return borrowed.value
}
