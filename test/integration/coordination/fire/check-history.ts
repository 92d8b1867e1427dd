import { checkHeld } from './check-held.ts'
import { checkQueue } from './check-queue.ts'
import { HELD_KINDS, type History } from './history.ts'
import { type Checked, checkRealTime } from './real-time.ts'

/** Violations of what locks, elections, semaphores and queues promise, in words; none if the history is right. */
export function checkHistory(history: History): string[] {
  const parts: Checked[] = [
    ...HELD_KINDS.map((kind) => checkHeld(kind, history)),
    checkQueue('queue', history),
    checkQueue('jobs', history),
  ]
  return [
    ...parts.flatMap(({ violations }) => violations),
    ...checkRealTime(parts.flatMap(({ calls }) => calls)),
  ]
}
