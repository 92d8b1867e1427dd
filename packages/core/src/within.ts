import type { Clock } from './source/source.ts'

/** Waits for `work`, at most `ms` milliseconds; returns whether it has settled. Never rejects, leaves no timer. */
export async function settledWithin(work: Promise<unknown>, clock: Clock, ms: number): Promise<boolean> {
  let timer: unknown
  const late = new Promise<false>((resolve) => {
    if (Number.isFinite(ms)) timer = clock.setTimeout(() => resolve(false), ms)
  })
  const settled = work.then(
    () => true,
    () => true,
  )
  const isSettled = await Promise.race([settled, late])
  clock.clearTimeout(timer)
  return isSettled
}
