/** One revision of the store, as a watch of everything has seen it. */
export interface SeenRevision {
  readonly revision: number
  readonly writes: readonly { readonly key: string; readonly text: string | undefined }[]
}

/** What a writer says of one apply. */
export type Outcome =
  | { readonly type: 'applied'; readonly id: string; readonly revision: number }
  /** It failed, and has written nothing. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }

/** All that is known of a run. */
export interface Run {
  /** Every key of the configuration at the start, with text and revision. */
  readonly initial: ReadonlyMap<string, { readonly text: string; readonly revision: number }>
  readonly seen: readonly SeenRevision[]
  readonly outcomes: readonly Outcome[]
  /** Whether the schema takes a tree. */
  isValid(tree: ReadonlyMap<string, string>): boolean
  /** Whether other tools write this text, or the absence of one, without records. */
  isOfOthers(key: string, text: string | undefined): boolean
}

const HISTORY = '/.livetree/history/'

interface RecordText {
  readonly id: string
  readonly kind: string
  readonly changes: readonly {
    readonly key: string
    readonly before?: { readonly text?: string; readonly revision?: number }
    readonly after?: { readonly text?: string }
  }[]
}

/** What a run has broken, in words; empty for a good one. Reads nothing but its argument. */
export function checkApplies(run: Run): readonly string[] {
  const checker = new Checker(run)
  for (const seen of run.seen) checker.take(seen)
  checker.finish()
  return checker.broken
}

class Checker {
  readonly broken: string[] = []
  readonly #run: Run
  readonly #tree: Map<string, { text: string; revision: number }>
  /** The revision of each record that is not void. */
  readonly #records = new Map<string, number>()

  constructor(run: Run) {
    this.#run = run
    this.#tree = new Map(run.initial)
  }

  take({ revision, writes }: SeenRevision): void {
    const configuration = writes.filter(({ key }) => !key.startsWith('/.livetree/'))
    const records = writes
      .filter(({ key, text }) => key.startsWith(HISTORY) && text !== undefined)
      .map(({ text }) => JSON.parse(text ?? '') as RecordText)
      .filter(({ kind }) => kind !== 'void')
    const [record, ...more] = records
    if (more.length > 0) this.broken.push(`revision ${revision} holds ${records.length} records`)
    if (record !== undefined) this.#takeRecord(revision, record, configuration)
    else
      for (const { key, text } of configuration)
        if (!this.#run.isOfOthers(key, text))
          this.broken.push(`revision ${revision} writes ${key} without a record`)
    for (const { key, text } of configuration) {
      if (text === undefined) this.#tree.delete(key)
      else this.#tree.set(key, { text, revision })
    }
    const texts = new Map([...this.#tree].map(([key, { text }]) => [key, text]))
    if (record !== undefined && !this.#run.isValid(texts))
      this.broken.push(`revision ${revision} of ${record.id} wrote an invalid tree`)
  }

  #takeRecord(revision: number, { id, changes }: RecordText, writes: SeenRevision['writes']): void {
    if (this.#records.has(id))
      this.broken.push(`${id} was applied at ${this.#records.get(id)} and ${revision}`)
    this.#records.set(id, revision)
    const recorded = changes.map(({ key, after }) => `${key}=${after?.text}`).toSorted()
    const written = writes.map(({ key, text }) => `${key}=${text}`).toSorted()
    if (recorded.join('\n') !== written.join('\n'))
      this.broken.push(
        `${id} records ${recorded.join(', ')}, and revision ${revision} wrote ${written.join(', ')}`,
      )
    for (const { key, before } of changes) {
      const there = this.#tree.get(key)
      if (there?.text !== before?.text || there?.revision !== before?.revision)
        this.broken.push(
          `${id} says ${key} was ${before?.text} of ${before?.revision}, and it was ${there?.text} of ${there?.revision}: a lost update`,
        )
    }
  }

  finish(): void {
    const applied = this.#run.outcomes.filter((outcome) => outcome.type === 'applied')
    for (const { id, revision } of applied)
      if (this.#records.get(id) !== revision)
        this.broken.push(`${id} was reported at ${revision}, and its record is at ${this.#records.get(id)}`)
    for (const id of this.#records.keys()) {
      const isReported = applied.some((outcome) => outcome.id === id)
      if (!isReported) this.broken.push(`${id} is in the history, and was reported as failed`)
    }
  }
}
