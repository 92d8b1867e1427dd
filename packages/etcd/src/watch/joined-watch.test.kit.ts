import { EtcdError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import { Namespace } from '../key-range.ts'
import { silentLogger } from '../logger.ts'
import { TxnSize } from '../reflector/txn-size.ts'
import { TxnSupport } from '../reflector/txn-support.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, TxnRequest } from '../wire/kv.ts'
import type { JoinableWatch } from './joined-range.ts'
import { JoinedWatch, type JoinOptions } from './joined-watch.ts'
import { ManualClock } from './scripted-channel.test.kit.ts'
import { type WatchBatch, WatchEvent, type WatchHandlers } from './watch-handlers.ts'

const CONTACT = { endpoint: 'http://a', revision: 1, clusterId: 7n, position: 1 }

/** What a revision wrote: texts by key; undefined for a key that it deleted. */
export type Writes = Readonly<Record<string, string | undefined>>

/** A store with all its history. Keys begin with the letter of their range. */
export class HistoryModel {
  /** The first is revision 2. */
  readonly #writes: Writes[] = []
  compactedAt = 0

  get revision(): number {
    return this.#writes.length + 1
  }

  write(writes: Writes): number {
    this.#writes.push(writes)
    return this.revision
  }

  at(revision: number): ReadonlyMap<string, { readonly text: string; readonly modRevision: number }> {
    const held = new Map<string, { text: string; modRevision: number }>()
    for (const [index, writes] of this.#writes.slice(0, Math.max(0, revision - 1)).entries()) {
      for (const [key, text] of Object.entries(writes)) {
        if (text === undefined) held.delete(key)
        else held.set(key, { text, modRevision: index + 2 })
      }
    }
    return held
  }

  /** The batch of a range at a revision; undefined if it wrote nothing there. A delete of nothing is no event. */
  batch(range: string, revision: number): WatchBatch | undefined {
    const before = this.at(revision - 1)
    const own = Object.entries(this.#writes[revision - 2] ?? {}).filter(
      ([key, text]) => key.startsWith(range) && (text !== undefined || before.has(key)),
    )
    if (own.length === 0) return undefined
    const header = { clusterId: 7n, memberId: 1n, revision, raftTerm: 2 }
    const events = own.map(([key, text]) => {
      const bytes = { key: Buffer.from(key), value: Buffer.from(text ?? '') }
      const version = before.has(key) ? 2 : 1
      const kv = { ...bytes, modRevision: revision, createRevision: 1, version, lease: 0n }
      return new WatchEvent(text === undefined ? 'delete' : 'put', kv, undefined)
    })
    return { revision, header, events }
  }

  answer({ key, revision, minModRevision, countOnly }: RangeRequest) {
    if (revision < this.compactedAt) throw new EtcdError('compacted')
    if (revision > this.revision) throw new EtcdError('future_revision')
    const range = Buffer.from(key).toString()
    const held = [...this.at(revision)].filter(([name]) => name.startsWith(range))
    const kvs = held.filter(([, { modRevision }]) => !countOnly && modRevision >= (minModRevision ?? 0))
    return { kvs: kvs.slice(0, 1), count: held.length, more: false, header: undefined }
  }
}

/** The watch of one range, delivered by hand. */
export class PlayedWatch implements JoinableWatch {
  readonly range: string
  readonly handlers: WatchHandlers
  position: number
  state: 'connecting' | 'live' | 'paused' | 'ended' = 'connecting'
  lastStream: unknown
  isProgressOrdered = true
  readonly raftTerm = 2
  /** Up to this revision reads have shown it to be unchanged. */
  knownTo = 0
  readonly store = {
    addedKeys: 0,
    unchangedTo: (revision: number): void => {
      this.knownTo = revision
    },
  }
  /** Revisions that were waited for. */
  readonly asked: number[] = []
  /** The waits that were not given up. */
  readonly waits = new Set<AbortSignal | undefined>()

  constructor(range: string, handlers: WatchHandlers, after: number) {
    this.range = range
    this.handlers = handlers
    this.position = after + 1
  }

  connect(stream: unknown): void {
    const isFirst = this.lastStream === undefined
    this.state = 'live'
    this.lastStream = stream
    if (isFirst) this.handlers.onCreated?.(CONTACT)
    else this.handlers.onResumed?.(CONTACT)
  }

  lose(error?: EtcdError): void {
    if (this.state !== 'live') return
    this.state = 'connecting'
    this.handlers.onDisconnected?.({ error, position: this.position })
  }

  deliver(batch: WatchBatch): void {
    this.position = batch.revision + 1
    for (const { type, kv } of batch.revision > this.knownTo ? batch.events : [])
      this.store.addedKeys += type === 'delete' ? -1 : Number(kv.version === 1)
    this.handlers.onEvents(batch)
  }

  progress(revision: number, isExact = true): void {
    if (isExact) this.position = Math.max(this.position, revision + 1)
    this.handlers.onProgress?.({ revision, at: revision, isExact })
  }

  end(error: EtcdError | undefined): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    this.handlers.onEnd?.(error)
  }

  reached(revision: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.asked.push(revision)
    this.waits.add(signal)
    signal?.addEventListener('abort', () => this.waits.delete(signal))
    return new Promise(() => undefined)
  }

  pause(): void {
    this.state = 'paused'
  }

  resume(): void {
    this.state = 'connecting'
  }

  cancel(): void {
    this.end(undefined)
  }
}

/** The requests that a join has made at once, answered together. */
export class Question {
  readonly calls: { answer(): void; fail(error: EtcdError): void }[] = []
  /** Requests of this turn belong to it. */
  isOpen = true

  constructor() {
    queueMicrotask(() => (this.isOpen = false))
  }

  answer(): void {
    for (const call of this.calls) call.answer()
  }

  fail(error: EtcdError): void {
    for (const call of this.calls) call.fail(error)
  }
}

/** A join of ranges, each named by a letter, and what it says. */
export function playJoin(ranges: readonly string[], options: JoinOptions = { afterRevision: 1 }) {
  const store = new HistoryModel()
  const clock = new ManualClock()
  const watches: PlayedWatch[] = []
  const told: string[] = []
  const batches: WatchBatch[] = []
  /** Questions that wait for an answer: the requests that were made at once. */
  const reads: Question[] = []
  const channel = {
    unary: (_method: unknown, request: TxnRequest | RangeRequest) =>
      new Promise((resolve, reject) => {
        const answer = () => {
          try {
            if (!('success' in request)) resolve(store.answer(request))
            else {
              const responses = request.success.map(({ request: each }) => ({
                response: { type: 'range', value: store.answer((each as { value: RangeRequest }).value) },
              }))
              resolve({ responses })
            }
          } catch (error) {
            reject(error as Error)
          }
        }
        let question = reads.at(-1)
        if (question === undefined || !question.isOpen) {
          question = new Question()
          reads.push(question)
        }
        question.calls.push({ answer, fail: reject })
      }),
  } as unknown as Channel
  const join = new JoinedWatch(
    {
      channel,
      clock,
      logger: silentLogger,
      namespace: new Namespace(),
      recognizer: { size: new TxnSize(), txns: new TxnSupport() },
      subscribe(range, handlers, given) {
        const { prefix } = range as Extract<KeyRange, { prefix: unknown }>
        const watch = new PlayedWatch(String(prefix), handlers, given.afterRevision ?? 0)
        watches.push(watch)
        return watch
      },
    },
    ranges.map((prefix) => ({ prefix })),
    {
      onEvents: (batch) => {
        batches.push(batch)
        told.push(`${batch.revision}: ${batch.events.map(({ key, text }) => `${key}=${text}`).join(' ')}`)
      },
      onProgress: ({ revision, at, isExact }) =>
        told.push(`progress ${revision} at ${at}${isExact ? '' : ' claimed'}`),
      onCreated: ({ position }) => told.push(`created at ${position}`),
      onResumed: ({ position }) => told.push(`resumed at ${position}`),
      onDisconnected: ({ error }) => told.push(`disconnected ${error?.code ?? 'OK'}`),
      onClusterChanged: ({ reason }) => told.push(`cluster changed ${reason}`),
      onEnd: (error) => told.push(`end ${error?.code ?? 'OK'}`),
    },
    options,
  )
  return { store, clock, watches, told, batches, reads, join }
}
