/** The functions that wait for one signal, in order. */
interface Waiting {
  readonly runs: Set<() => void>
  /** Removes the listener of the signal. */
  leave(): void
}

const waitingFor = new WeakMap<AbortSignal, Waiting>()

/**
 * Calls `run` once when the signal aborts; never, if it is aborted already. `run` must not throw. Returns a
 * function that removes it, which may be called again. All functions share one listener of the signal, because
 * `EventTarget` compares a listener with every other when it is added or removed, so that the cost of many
 * calls with one signal would grow with the square of their number.
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  const waiting = waitingFor.get(signal) ?? listen(signal)
  // A function that is given twice is called twice.
  const own = (): void => run()
  waiting.runs.add(own)
  return () => {
    if (waiting.runs.delete(own) && waiting.runs.size === 0) waiting.leave()
  }
}

function listen(signal: AbortSignal): Waiting {
  const runs = new Set<() => void>()
  const onEvent = (): void => {
    waiting.leave()
    for (const run of [...runs]) if (runs.delete(run)) run()
  }
  const waiting: Waiting = {
    runs,
    leave: () => {
      signal.removeEventListener('abort', onEvent)
      if (waitingFor.get(signal) === waiting) waitingFor.delete(signal)
    },
  }
  signal.addEventListener('abort', onEvent)
  waitingFor.set(signal, waiting)
  return waiting
}
