import { adopt } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import type { LiveValue } from '../resource/live-value.ts'

/** The part of Node's responses that `borrowForResponse` uses. */
export interface ResponsePart {
  readonly closed?: boolean
  readonly writableEnded?: boolean
  once(event: string, listener: () => void): unknown
  end(...args: unknown[]): unknown
}

/** A handler that returns no promise may still be running for this long after its client has gone away, in milliseconds. */
const CALLBACKS_MS = 30_000

/**
 * For adapters: calls a handler with the newest instance, which is not disposed while the handler may use it: until the
 * response is closed and the promise of the handler has settled. If the handler returns no promise and the client goes
 * away, until the handler calls `end`, at most 30 seconds.
 *
 * @returns what the handler returns. A promise rejects as that of the handler does: the caller must handle it
 * @throws whatever the handler throws
 */
export function borrowForResponse<R>(
  value: LiveValue<R>,
  response: ResponsePart,
  handle: (instance: R) => unknown,
): unknown {
  const { value: instance, release } = value.acquire()
  const afterClose = (then: () => void) => (response.closed ? then() : void response.once('close', then))
  let result: unknown
  try {
    result = handle(instance)
  } catch (error) {
    afterClose(release)
    throw error
  }
  if (isPromise(result)) return settle(result).finally(() => afterClose(release))
  afterClose(() => (response.writableEnded ? release() : releaseAtEnd(response, release)))
  return result
}

async function settle(promise: PromiseLike<unknown>): Promise<unknown> {
  return (await adopt(promise)).value
}

/** Node emits no event for an `end` after the close of the connection, so the method is replaced. */
function releaseAtEnd(response: ResponsePart, release: () => void): void {
  const { end } = response
  const timer = setTimeout(release, CALLBACKS_MS)
  timer.unref()
  response.end = (...args) => {
    clearTimeout(timer)
    release()
    return end.apply(response, args)
  }
}
