import { KEYS, type QueueKind, type StoreEvent } from './history.ts'

/** What the store shows of one queue. */
export interface QueueReplay {
  readonly violations: readonly string[]
  /** Revisions at which each entry was put; more than one is a violation of whoever put it. */
  readonly puts: ReadonlyMap<string, readonly number[]>
  /** The revision at which each entry was removed by a taker; of a job, the one at which it had its effect. */
  readonly takes: ReadonlyMap<string, number>
  /** Entries that somebody removed by hand. */
  readonly removedByHand: ReadonlySet<string>
  readonly left: readonly string[]
}

interface Entry {
  readonly id: string
  readonly createRevision: number
}

/**
 * Plays the events against the sequential model of a queue: what is taken is the oldest entry. A job may be completed out
 * of order, but only together with the one effect that it has. Whoever has a job completes it also after somebody
 * removed it by hand.
 */
export function replayQueue(
  kind: QueueKind,
  events: readonly StoreEvent[],
  byHand: ReadonlySet<number>,
): QueueReplay {
  const replay = new Replay(kind, byHand)
  for (const event of events) replay.apply(event)
  return replay
}

class Replay implements QueueReplay {
  readonly violations: string[] = []
  readonly puts = new Map<string, number[]>()
  readonly takes = new Map<string, number>()
  readonly removedByHand = new Set<string>()
  readonly #kind: QueueKind
  readonly #byHand: ReadonlySet<number>
  /** In the order of their creation. */
  readonly #entries = new Map<string, Entry>()

  constructor(kind: QueueKind, byHand: ReadonlySet<number>) {
    this.#kind = kind
    this.#byHand = byHand
  }

  get left(): readonly string[] {
    return [...this.#entries.values()].map(({ id }) => id)
  }

  apply(event: StoreEvent): void {
    const { type, key, revision, text } = event
    if (this.#kind === 'jobs' && type === 'put' && key.startsWith(KEYS.effect(''))) this.#onEffect(event)
    else if (!key.startsWith(KEYS.entries(this.#kind))) return
    else if (type === 'put') {
      this.#entries.set(key, { id: text, createRevision: revision })
      this.puts.set(text, [...(this.puts.get(text) ?? []), revision])
    } else this.#onDelete(key, revision)
  }

  #onEffect({ key, revision }: StoreEvent): void {
    const id = key.slice(KEYS.effect('').length)
    const before = this.takes.get(id)
    if (before !== undefined)
      this.violations.push(`jobs: ${id} had its effect at ${before} and again at ${revision}`)
    this.takes.set(id, revision)
  }

  #onDelete(key: string, revision: number): void {
    const entry = this.#entries.get(key)
    const [oldest] = this.#entries.values()
    this.#entries.delete(key)
    if (entry === undefined) return
    if (this.#byHand.has(revision)) return void this.removedByHand.add(entry.id)
    if (this.#kind === 'queue' && oldest !== entry)
      this.violations.push(`queue: at ${revision}, ${entry.id} was taken before ${oldest?.id}`)
    if (this.#kind === 'queue') this.takes.set(entry.id, revision)
    else if (this.takes.get(entry.id) !== revision)
      this.violations.push(`jobs: at ${revision}, ${entry.id} was removed without its effect`)
  }
}
