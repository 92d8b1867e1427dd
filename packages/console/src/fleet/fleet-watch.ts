import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, InstanceRecord } from '@livetree/admin'
import type { ObservedInstance, ReachedStep } from './convergence.ts'

/** How many steps of an instance are kept. */
const MOST_STEPS = 50

/** How long a watch that broke is left alone, in milliseconds. */
const AGAIN_MS = 15_000

/** How long the watch continues after the last follower has left, in milliseconds: a page may open another stream at once. */
const IDLE_MS = 60_000

/** An instance that is watched. */
interface Watched {
  record: InstanceRecord
  readonly steps: ReachedStep[]
}

/** What the running instances get to, while somebody has a page open. */
export class FleetWatch {
  readonly #admin: Admin<unknown>
  #watched = new Map<string, Watched>()
  #followers = 0
  #stop: AbortController | undefined
  #idle: NodeJS.Timeout | undefined

  constructor(admin: Admin<unknown>) {
    this.#admin = admin
  }

  get instances(): readonly ObservedInstance[] {
    return [...this.#watched.values()]
  }

  /** Watches until the returned function is called, and a minute longer. */
  follow(): () => void {
    this.#followers++
    clearTimeout(this.#idle)
    if (this.#stop === undefined) {
      this.#stop = new AbortController()
      void this.#run(this.#stop.signal)
    }
    return () => {
      if (--this.#followers > 0 || this.#stop === undefined) return
      this.#idle = setTimeout(() => this.close(), IDLE_MS)
      this.#idle.unref()
    }
  }

  close(): void {
    clearTimeout(this.#idle)
    this.#stop?.abort()
    this.#stop = undefined
    this.#watched = new Map()
  }

  /** Where the instances cannot be read, there is nothing to show: who asks for them learns why. */
  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#watch(signal).catch(() => {})
      await sleep(AGAIN_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  /** What is read after a break is of instances that go on: what they got to before stays. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { instances, revision } = await this.#admin.instances({ signal })
    const known = this.#watched
    if (signal.aborted) return
    this.#watched = new Map()
    for (const record of instances) this.#observe(record, known.get(nameOf(record)))
    for await (const { news } of this.#admin.followInstances({ since: revision, signal }))
      for (const { type, instance } of news) {
        if (type === 'left') this.#watched.delete(nameOf(instance))
        else this.#observe(instance, this.#watched.get(nameOf(instance)))
      }
  }

  #observe(record: InstanceRecord, known: Watched | undefined): void {
    const watched = known ?? { record, steps: [] }
    watched.record = record
    const { applied, at } = record
    // The store was restored, or is another one: its revisions cannot be compared with those before.
    if (applied < (watched.steps.at(-1)?.applied ?? 0)) watched.steps.length = 0
    if (watched.steps.at(-1)?.applied !== applied) watched.steps.push({ applied, at })
    if (watched.steps.length > MOST_STEPS) watched.steps.shift()
    this.#watched.set(nameOf(record), watched)
  }
}

function nameOf({ name, id }: InstanceRecord): string {
  return JSON.stringify([name, id])
}
