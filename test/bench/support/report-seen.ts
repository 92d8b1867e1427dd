import { sharedNow } from './shared-clock.ts'

/** On the shared clock, when each of the process's watchers had seen the value. */
export type SeenAt = readonly number[]

/**
 * For a child of a bench: takes the value to wait for from the parent, answers `waiting`, and tells when each of `count`
 * watchers had it once all have. Ends the process with its parent. Returns what a watcher calls with each value it sees.
 */
export function reportSeen(count: number): (value: string) => void {
  let wanted = ''
  let seenAt: number[] = []
  process.on('message', (value: string) => {
    wanted = value
    seenAt = []
    process.send?.('waiting')
  })
  process.on('disconnect', () => process.exit())
  return (value) => {
    if (value !== wanted) return
    seenAt.push(sharedNow())
    if (seenAt.length === count) process.send?.(seenAt satisfies SeenAt)
  }
}
