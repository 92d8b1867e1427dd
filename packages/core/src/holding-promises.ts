import { promiseHooks } from 'node:v8'

/**
 * Runs what may call a schema's own code: a refinement, an error map, a getter of what a transform made. Such code may
 * make promises where nobody can wait for them, and one that rejected then would end the process; so every promise that
 * is made meanwhile gets a holder.
 */
export function holdingPromises<R>(run: () => R): R {
  const made: Promise<unknown>[] = []
  const stop = promiseHooks.onInit((promise) => made.push(promise))
  try {
    return run()
  } finally {
    stop()
    for (const promise of made) Promise.prototype.then.call(promise, undefined, () => {})
  }
}
