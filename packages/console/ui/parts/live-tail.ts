import type { ErrorView, HistoryView, LiveView, SaidView, TroubleView } from '../../src/wire/index.ts'

/** Lines that are kept, and lines that are kept back while the tail is paused. */
const MOST = 500

/** One line of the tail. */
export type TailLine = { readonly number: number } & (
  | { readonly type: 'change'; readonly entry: HistoryView }
  | { readonly type: 'said'; readonly said: SaidView }
  | { readonly type: 'gap' }
)

/**
 * What came in, the newest first, as long as the tab is open: a write stands below what the instances say of it, also where it is read
 * later. It is bounded: the oldest lines give way.
 */
export class LiveTail {
  readonly #onChange: () => void
  #shown: readonly TailLine[] = []
  #held: readonly TailLine[] = []
  #isPaused = false
  #count = 0
  #position = { changes: 0, said: 0 }
  readonly #troubles = new Map<TroubleView['part'], ErrorView>()

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  get lines(): readonly TailLine[] {
    return this.#shown
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** How many lines came in since it was paused, as far as they are kept. */
  get heldCount(): number {
    return this.#held.length
  }

  get troubles(): readonly ErrorView[] {
    return [...this.#troubles.values()]
  }

  /** Where the stream goes on. */
  get position(): { readonly changes: number; readonly said: number } {
    return this.#position
  }

  take({ changes, said, hasGap, changesUntil, saidUntil }: LiveView): void {
    this.#position = { changes: changesUntil, said: saidUntil }
    const added = [
      ...(hasGap ? [{ type: 'gap' as const }] : []),
      ...changes.map((entry) => ({ type: 'change' as const, entry })),
      ...said.map((each) => ({ type: 'said' as const, said: each })),
    ].map((line): TailLine => ({ ...line, number: this.#count++ }))
    if (added.length === 0) return
    if (this.#isPaused) this.#held = joined(this.#held, added)
    else this.#shown = joined(this.#shown, added)
    this.#onChange()
  }

  /** A part of it fails, or goes on again. */
  fail({ part, error }: TroubleView): void {
    if (error === undefined) this.#troubles.delete(part)
    else this.#troubles.set(part, error)
    this.#onChange()
  }

  /** The stream was opened anew. */
  reopen(): void {
    if (this.#troubles.size === 0) return
    this.#troubles.clear()
    this.#onChange()
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    if (!isPaused) {
      this.#shown = joined(this.#shown, this.#held.toReversed())
      this.#held = []
    }
    this.#onChange()
  }
}

/** Puts lines, the oldest first, in their places by revision. Lines below a gap are of another time, or of another store. */
function joined(lines: readonly TailLine[], added: readonly TailLine[]): readonly TailLine[] {
  const all = [...lines]
  for (const line of added) {
    const place = line.type === 'gap' ? 0 : all.findIndex((each) => revisionOf(each) <= revisionOf(line))
    all.splice(place < 0 ? all.length : place, 0, line)
  }
  return all.slice(0, MOST)
}

function revisionOf(line: TailLine): number {
  if (line.type === 'gap') return Number.NEGATIVE_INFINITY
  return line.type === 'change' ? line.entry.revision : line.said.revision
}
