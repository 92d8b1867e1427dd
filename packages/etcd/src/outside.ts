import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * Runs work in the asynchronous context in which this module was loaded: that of the program, in which no caller is served.
 * Where a request imports it first, that is the request's: Node has no way back to the context of the program.
 */
const inProgram = AsyncLocalStorage.snapshot()

/**
 * Runs what a client does by itself and for as long as it lives, such as a watch, a timer or a connection, outside of the
 * asynchronous context of the caller that happens to set it off: a request, whose trace must not go on without end, and whose
 * objects must not be kept. Everything that the work starts inherits that, so it is only entered where a watch, a lease, a
 * connection or a timer begins, and never for a call.
 */
export function outside<R>(work: () => R): R {
  return inProgram(work)
}
