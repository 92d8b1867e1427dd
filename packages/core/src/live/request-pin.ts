import type { LiveConfig } from './live-config.ts'
import type { LiveValue } from './live-value.ts'
import type { Snapshot } from './snapshot.ts'

/** What is needed of Node's requests and responses. */
export interface RequestPart {
  emit(event: string | symbol, ...args: unknown[]): boolean
}

/** What is needed of Node's responses to know when a request is over. */
export interface ResponsePart {
  readonly closed?: boolean
  once(event: string, listener: () => void): unknown
}

interface RequestPin {
  readonly config: object
  readonly snapshot: Snapshot<unknown>
  readonly others: RequestPin | undefined
}

/** On the request itself, and not in the asynchronous context: that of a pipelined request may be the one before it. */
const pins = new WeakMap<RequestPart, RequestPin>()

/**
 * For adapters: `runPinned` for one HTTP request. Node tells of a request's body, and of the end of its response, from
 * the connection's own asynchronous context, which began before the request; so listeners on the two are called inside
 * the pin as well. A request that is pinned already keeps its snapshot.
 */
export function runRequestPinned<T>(
  config: LiveConfig<T>,
  request: RequestPart,
  response: RequestPart,
  handle: (snapshot: Snapshot<T>) => void,
): void {
  const pinned = findPin(config, request)
  const snapshot = pinned ?? config.snapshot()
  if (pinned === undefined) {
    pins.set(request, { config, snapshot, others: pins.get(request) })
    emitPinned(config, request, snapshot)
    emitPinned(config, response, snapshot)
  }
  config.runPinned(() => handle(snapshot), snapshot)
}

function findPin<T>(config: LiveConfig<T>, request: RequestPart): Snapshot<T> | undefined {
  for (let pin = pins.get(request); pin !== undefined; pin = pin.others) {
    if (pin.config === config) return pin.snapshot as Snapshot<T>
  }
  return undefined
}

function emitPinned<T>(config: LiveConfig<T>, part: RequestPart, snapshot: Snapshot<T>): void {
  const emit = part.emit
  part.emit = (...args) => config.runPinned(() => emit.apply(part, args), snapshot)
}

/** For adapters: borrows the newest instance until the response is sent or its connection is gone. */
export function borrowForResponse<R>(value: LiveValue<R>, response: ResponsePart): R {
  const borrowed = value.acquire()
  if (response.closed) borrowed.release()
  else response.once('close', borrowed.release)
  return borrowed.value
}
