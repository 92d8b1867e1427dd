import { type HeldKind, KEYS, type StoreEvent } from './history.ts'

/** What the store shows of one kind of holding. */
export interface HeldReplay {
  readonly violations: readonly string[]
  /** The revision at which it was the turn of a token; absent for one that left before. */
  readonly turns: ReadonlyMap<number, number>
  /** Revisions at which the keys of tokens were deleted. */
  readonly ends: ReadonlyMap<number, number>
  /** Revisions of the guarded writes, by text. */
  readonly writes: ReadonlyMap<string, readonly number[]>
}

/**
 * Plays the events against the sequential model of a fair lock with `limit` places: those who hold it are the oldest keys
 * in the queue, and only they write. With one place, the tokens that write never fall.
 */
export function replayHeld(kind: HeldKind, events: readonly StoreEvent[]): HeldReplay {
  const replay = new Replay(kind)
  for (const event of events) replay.apply(event)
  return replay
}

class Replay implements HeldReplay {
  readonly violations: string[] = []
  readonly turns = new Map<number, number>()
  readonly ends = new Map<number, number>()
  readonly writes = new Map<string, number[]>()
  readonly #kind: HeldKind
  readonly #queue = new Map<string, number>()
  #limit: number
  #last = 0

  constructor(kind: HeldKind) {
    this.#kind = kind
    this.#limit = kind === 'permit' ? 0 : 1
  }

  apply({ type, key, revision, createRevision, text }: StoreEvent): void {
    const kind = this.#kind
    if (kind === 'permit' && key === KEYS.limit && type === 'put') {
      this.#limit = Number(text)
      this.#giveTurns(revision)
    } else if (key.startsWith(KEYS.held(kind)) && type === 'put') {
      if (createRevision < revision && !this.#holds(createRevision))
        this.violations.push(
          `${kind}: at ${revision}, ${createRevision} proclaimed while ${this.#holders()} held it`,
        )
      this.#queue.set(key, createRevision)
      this.#giveTurns(revision)
    } else if (key.startsWith(KEYS.held(kind))) {
      const token = this.#queue.get(key)
      this.#queue.delete(key)
      if (token !== undefined) this.ends.set(token, revision)
      this.#giveTurns(revision)
    } else if (key === KEYS.written(kind) && type === 'put') this.#onWrite(revision, text)
  }

  #onWrite(revision: number, text: string): void {
    const token = Number(text.split(' ')[0])
    this.writes.set(text, [...(this.writes.get(text) ?? []), revision])
    if (!this.#holds(token))
      this.violations.push(`${this.#kind}: at ${revision}, ${token} wrote while ${this.#holders()} held it`)
    if (this.#kind === 'permit') return
    if (token < this.#last)
      this.violations.push(`${this.#kind}: at ${revision}, ${token} wrote after ${this.#last}`)
    this.#last = Math.max(this.#last, token)
  }

  #oldest(): number[] {
    return [...this.#queue.values()].sort((a, b) => a - b).slice(0, this.#limit)
  }

  #holders(): string {
    return this.#oldest().join(', ') || 'nobody'
  }

  /** A limit that was lowered takes back nothing. */
  #holds(token: number): boolean {
    return this.turns.has(token) && !this.ends.has(token)
  }

  #giveTurns(revision: number): void {
    for (const token of this.#oldest()) if (!this.turns.has(token)) this.turns.set(token, revision)
  }
}
