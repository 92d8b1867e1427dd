import { AdminError, type HistoryEntry } from '@livetree/admin'
import { failureOf } from '../routes/failure.ts'
import { instanceView } from '../routes/instance-view.ts'
import { historyViews, recentEntries } from '../routes/history-views.ts'
import type { RouteContext } from '../routes/route.ts'
import type { LiveView, TroubleView } from '../wire/index.ts'

/** How many writes a tail begins with, and how many it sends at a time at most. */
const FIRST = 30
const MOST = 200

/** How long a part that failed is left alone, in milliseconds. */
const AGAIN_MS = 3_000

/** Where a tail goes on; 0: it begins. */
export interface TailPosition {
  readonly changesUntil: number
  readonly saidUntil: number
}

type Part = TroubleView['part']

/** What gets the parts of a tail. */
export interface TailSink {
  onLive(view: LiveView): void
  /** Called when one part of the tail cannot go on, while the other does; and when it does again. */
  onTrouble(view: TroubleView): void
}

/** The writes to the layers and what the instances say, as they come: without a gap, and each once. */
export class Tail {
  readonly #context: RouteContext
  readonly #sink: TailSink
  #changesUntil: number
  #saidUntil: number
  #newest = 0
  #wake: () => void = () => {}
  readonly #troubled = new Set<Part>()

  constructor(context: RouteContext, position: TailPosition, sink: TailSink) {
    this.#context = context
    this.#sink = sink
    this.#changesUntil = position.changesUntil
    this.#saidUntil = position.saidUntil
    context.signal.addEventListener('abort', () => this.#wake(), { once: true })
    void this.#run('changes', async () => {
      await this.#checkPosition()
      void this.#run('changes', () => this.#followChanges())
      void this.#run('said', () => this.#followInstances())
    })
  }

  /** The layers have been written. */
  reach(revision: number): void {
    this.#newest = Math.max(this.#newest, revision)
    this.#wake()
  }

  /** What fails is begun again where it was, until the tail is over: the store or a right comes back. */
  async #run(part: Part, follow: () => Promise<void>): Promise<void> {
    const { access, signal } = this.#context
    while (!signal.aborted) {
      try {
        await follow()
        return this.#goesOn(part)
      } catch (error) {
        if (signal.aborted) return
        this.#troubled.add(part)
        this.#sink.onTrouble({ part, error: failureOf(error, access).view })
      }
      await new Promise((resolve) => void setTimeout(resolve, AGAIN_MS).unref())
    }
  }

  #goesOn(part: Part): void {
    if (this.#troubled.delete(part)) this.#sink.onTrouble({ part, error: undefined })
  }

  /** In a store that was replaced by an earlier state, positions may be ahead of it: it is followed from the beginning. */
  async #checkPosition(): Promise<void> {
    const { admin, trees, signal } = this.#context
    const position = Math.max(this.#changesUntil, this.#saidUntil)
    if (position <= (await trees.newest())) return
    // What is known there may be behind the store.
    for await (const revision of admin.revisions({ signal })) {
      if (position <= revision) return
      break
    }
    this.#changesUntil = 0
    this.#saidUntil = 0
    this.#send('changes', { hasGap: true })
  }

  async #followChanges(): Promise<void> {
    const { signal } = this.#context
    if (this.#changesUntil === 0) await this.#begin()
    for (;;) {
      while (this.#newest <= this.#changesUntil && !signal.aborted)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      if (signal.aborted) return
      await this.#readChanges(this.#newest)
    }
  }

  /** A tail begins with what was written last. */
  async #begin(): Promise<void> {
    const { trees } = this.#context
    const until = await trees.newest()
    const { entries } = await recentEntries(this.#context, { path: [], limit: FIRST, back: FIRST })
    const newest = entries.reduce((most, { revision }) => Math.max(most, revision), until)
    this.#changesUntil = newest
    this.#send('changes', { changes: entries.toReversed() })
  }

  async #readChanges(until: number): Promise<void> {
    const { admin, access, signal } = this.#context
    const found: HistoryEntry[] = []
    const since = this.#changesUntil
    for await (const entry of admin.history({ since, limit: MOST + 1, signal })) found.push(entry)
    const entries = found.slice(0, MOST)
    this.#changesUntil = entries.reduce((most, { revision }) => Math.max(most, revision), until)
    const changes = historyViews(entries, access).toReversed()
    this.#send('changes', { changes, hasGap: found.length > MOST })
  }

  async #followInstances(): Promise<void> {
    try {
      await this.#readInstances()
    } catch (error) {
      if (!(error instanceof AdminError) || error.code !== 'compacted') throw error
      this.#saidUntil = 0
      this.#send('said', { hasGap: true })
      await this.#readInstances()
    }
  }

  async #readInstances(): Promise<void> {
    const { admin, access, signal } = this.#context
    const since = this.#saidUntil === 0 ? {} : { since: this.#saidUntil }
    for await (const { revision, news } of admin.followInstances({ ...since, signal })) {
      this.#saidUntil = revision
      this.#send('said', {
        said: news.map(({ type, revision: at, instance }) => ({
          revision: at,
          isGone: type === 'left',
          instance: instanceView(instance, access),
        })),
      })
    }
  }

  #send(part: Part, parts: Partial<LiveView>): void {
    this.#goesOn(part)
    const position = { changesUntil: this.#changesUntil, saidUntil: this.#saidUntil }
    this.#sink.onLive({ ...position, changes: [], said: [], hasGap: false, ...parts })
  }
}
