import { createHash } from 'node:crypto'
import { deepFrozen } from '../pipeline/deep-frozen.ts'
import type { Issue } from '../issue.ts'
import type { Clock } from '../source/source.ts'

/** A tree that was refused, and is the newest one. */
export interface RejectedEvent {
  /** The source whose update made it. */
  readonly source: string
  /** That source's revision and epoch. */
  readonly revision: number
  readonly epoch: number
  /** Everything that is wrong, without secrets. */
  readonly issues: readonly Issue[]
}

/** How long the reminders after the first one wait, each twice as long as the one before. */
const REMINDER_MS = { first: 1_000, most: 60_000 } as const

/**
 * The newest tree while it is refused. An invalid one is reported once, whatever is written elsewhere. One that the guard
 * refuses waits for an operator, and good writes are withheld with it: it is reported again when the revision moves on,
 * at once the first time and then ever less often, down to once in a minute.
 */
export class Rejection {
  readonly #clock: Clock
  readonly #report: (event: RejectedEvent) => void
  #current: { readonly event: RejectedEvent; readonly key: string } | undefined = undefined
  #reportedAt = 0
  /** How long after that the next reminder may come. */
  #waitMs = 0
  #timer: unknown = undefined

  constructor(clock: Clock, report: (event: RejectedEvent) => void) {
    this.#clock = clock
    this.#report = report
  }

  /** Set while the newest tree is refused. */
  get event(): RejectedEvent | undefined {
    return this.#current?.event
  }

  /** The newest tree is refused. */
  set(event: RejectedEvent): void {
    const key = keyOf(event)
    const before = this.#current
    if (before?.key !== key) {
      this.#stop()
      this.#current = { event: deepFrozen(event), key }
      this.#waitMs = 0
      this.#say()
    } else if (isGuarded(event) && isLater(event, before.event)) {
      this.#current = { event: deepFrozen(event), key }
      this.#remind()
    }
  }

  /** The newest tree is a good one. Whether it was refused before. */
  clear(): boolean {
    this.#stop()
    const wasRefused = this.#current !== undefined
    this.#current = undefined
    return wasRefused
  }

  /** Clears the rejection. Returns a function that restores it without a report. */
  suspend(): () => void {
    const current = this.#current
    this.clear()
    return () => {
      this.#current = current
    }
  }

  /** Nothing is reported any more. */
  close(): void {
    this.#stop()
  }

  #remind(): void {
    if (this.#timer !== undefined) return
    // Where the clock was put back, the whole time is waited again.
    const leftMs = this.#waitMs - Math.max(this.#clock.now() - this.#reportedAt, 0)
    const say = () => {
      this.#timer = undefined
      this.#waitMs = Math.min(Math.max(this.#waitMs * 2, REMINDER_MS.first), REMINDER_MS.most)
      this.#say()
    }
    if (leftMs <= 0) say()
    else this.#timer = this.#clock.setTimeout(say, leftMs)
  }

  #say(): void {
    this.#reportedAt = this.#clock.now()
    if (this.#current !== undefined) this.#report(this.#current.event)
  }

  #stop(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

function isGuarded({ issues }: RejectedEvent): boolean {
  return issues.some(({ code }) => code === 'guard')
}

function isLater(event: RejectedEvent, before: RejectedEvent): boolean {
  return (['source', 'revision', 'epoch'] as const).some((name) => event[name] !== before[name])
}

/** Identifies a rejection: the same issues, or any rejection by the guard, are not reported as a new one. */
function keyOf(event: RejectedEvent): string {
  if (isGuarded(event)) return 'guard'
  // a digest, since keys may be long and many
  const hash = createHash('sha256')
  for (const { code, pathText, message, received, origins } of event.issues)
    hash.update(JSON.stringify([code, pathText, message, received, origins]))
  return hash.digest('base64')
}
