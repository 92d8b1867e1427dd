interface Waiting {
  readonly runs: Set<() => void>
  readonly listener: () => void
}

/** One listener for each signal: `EventTarget` compares a new listener with every other, which grows by squares. */
const waitingFor = new WeakMap<AbortSignal, Waiting>()

/**
 * Calls `run` once when the signal aborts, at the same cost however many wait for it. `run` must not throw. Returns a
 * function that removes it.
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  const waiting = waitingFor.get(signal) ?? listen(signal)
  // The same function may be given twice.
  const entry = () => run()
  waiting.runs.add(entry)
  return () => {
    if (waiting.runs.delete(entry) && waiting.runs.size === 0) stop(signal, waiting)
  }
}

function listen(signal: AbortSignal): Waiting {
  const runs = new Set<() => void>()
  const listener = () => {
    stop(signal, waiting)
    for (const run of [...runs]) if (runs.delete(run)) run()
  }
  const waiting: Waiting = { runs, listener }
  signal.addEventListener('abort', listener, { once: true })
  waitingFor.set(signal, waiting)
  return waiting
}

function stop(signal: AbortSignal, waiting: Waiting): void {
  signal.removeEventListener('abort', waiting.listener)
  if (waitingFor.get(signal) === waiting) waitingFor.delete(signal)
}
