import type { WireRange } from '../key-range.ts'
import type { KeyValue } from '../wire/kv.ts'
import { EventType } from '../wire/watch.ts'
import type { KeyEvent } from '../watch/revision-assembler.ts'
import {
  type ContinuityQuestion,
  deletedAt,
  isAbsent,
  isTraceOf,
  isUndeletedSince,
  nameOf,
  type Probe,
  type Trace,
  traceOf,
  withoutValue,
} from './continuity-question.ts'
import { isInRange } from './is-in-range.ts'
import { NewestEntries } from './newest-entries.ts'
import { SampledEntries } from './sampled-entries.ts'

/** A page of a list, as far as evidence requires. */
export interface EvidencePage {
  /** Number of entries on the page. */
  readonly length: number
  eachEntry(onEntry: (modRevision: number, at: number, end: number) => void): void
  entryAt(at: number, end: number): KeyValue
}

export interface EvidenceOptions {
  /** The ranges of a complete list, as the store knows them. Undefined if only events are known. */
  readonly ranges?: readonly WireRange[]
  /** Number of most recently written keys to remember. Default 24. */
  readonly maxRecent?: number
  /** Lists contain no values. Default false. */
  readonly keysOnly?: boolean
  /** Puts are not seen, so a remembered key may have been put again. Default false. */
  readonly onlyDeletes?: boolean
}

/**
 * Number of keys remembered besides the newest ones. If there are no more in total, every key is remembered.
 */
const SAMPLE_SIZE = 64
const MAX_RECENT = 24
/** Limit for the values read by one question, in bytes; beyond it only revisions are compared. */
const MAX_VALUE_BYTES = 256 * 1024
/** Larger ranges are not counted, because counting makes the server walk over the range. */
const MAX_COUNTED = 100_000
/** Each range is one operation, and etcd accepts 128 in a transaction by default. */
const MAX_WHOLE_RANGES = 64

/**
 * Remembers enough of a store to tell after a lost connection whether it is still the same one: every key of
 * a small range; of a large one the newest keys, a random sample of the others and the number of keys. Two
 * stores with equal headers differ in these. Verification costs one operation for each remembered key and
 * each range, in transactions as large as the server accepts, and a few kilobytes.
 */
export class StoreEvidence {
  readonly #ranges: readonly WireRange[] | undefined
  readonly #maxRecent: number
  readonly #sample = new Map<string, Trace>()
  /** Newest keys, oldest first. */
  readonly #recent = new Map<string, Trace>()
  readonly #keysOnly: boolean
  readonly #onlyDeletes: boolean
  #isComplete: boolean
  /** Number of keys in each range. */
  #counts: number[]
  #seen = 0
  #changedAt = 0
  /** Every key written after this revision is remembered. */
  #forgottenTo = 0

  constructor(options: EvidenceOptions = {}) {
    const { ranges, maxRecent = MAX_RECENT, keysOnly = false, onlyDeletes = false } = options
    this.#keysOnly = keysOnly
    this.#onlyDeletes = onlyDeletes
    this.#ranges = ranges
    this.#maxRecent = maxRecent
    this.#isComplete = ranges !== undefined && ranges.length <= MAX_WHOLE_RANGES
    this.#counts = (ranges ?? []).map(() => 0)
  }

  /** True if nothing is known; that ranges are empty is known of a list. */
  get isEmpty(): boolean {
    return this.#ranges === undefined && this.#sample.size === 0 && this.#recent.size === 0
  }

  /** The revision of the latest change that was added; 0 without one. */
  get changedAt(): number {
    return this.#changedAt
  }

  /** Adds a page of a list. Decodes only the entries it remembers. */
  listed(page: EvidencePage, range: number): void {
    this.#counts[range]! += page.length
    const newest = new NewestEntries(this.#maxRecent, this.#forgottenTo)
    const sampled = new SampledEntries(this.#sample.size, SAMPLE_SIZE)
    page.eachEntry((modRevision, at, end) => {
      this.#seen += 1
      newest.add(modRevision, at, end)
      if (!sampled.add(at, end, this.#seen)) this.#isComplete = false
    })
    this.#addSample(sampled, page)
    this.#takeNewest(newest.taken().map(({ at, end }) => page.entryAt(at, end)))
  }

  /** Adds entries of a part of a range as they were at the revision up to which everything is known. */
  read(kvs: readonly KeyValue[], hasValues: boolean): void {
    for (const kv of kvs) {
      const trace = traceOf(kv)
      this.#remember(nameOf(kv.key), hasValues ? trace : withoutValue(trace))
    }
  }

  /** Adds the last event of each key in one revision; `wereThere` tells which keys existed before it. */
  changed(events: readonly KeyEvent[], wereThere: readonly boolean[]): void {
    this.#changedAt = Math.max(this.#changedAt, events[0]?.kv.modRevision ?? 0)
    const own = events.filter(({ type, kv }, index) =>
      this.#count(kv.key, Number(type !== EventType.delete) - Number(wereThere[index])),
    )
    for (const [index, { type, kv }] of own.entries()) {
      const isThere = type !== EventType.delete
      const name = nameOf(kv.key)
      // Everything else remembered of the key described its state before this event.
      this.#recent.delete(name)
      if (!isThere) this.#sample.delete(name)
      else if (this.#ranges !== undefined) this.#follow(name, kv)
      if (index >= own.length - this.#maxRecent)
        this.#remember(name, isThere ? traceOf(kv) : deletedAt(kv.modRevision))
      else this.#forget(kv.modRevision)
    }
  }

  /**
   * The reads to verify the store at the revision up to which everything is known; undefined without
   * evidence.
   */
  question(revision: number): ContinuityQuestion | undefined {
    if (revision < 1 || this.isEmpty) return undefined
    return this.#isComplete && this.#ranges !== undefined
      ? this.#wholeQuestion(this.#ranges, revision)
      : this.#sampleQuestion(revision)
  }

  /**
   * True if an entry of a later list cannot come from the known store, of which everything up to `revision`
   * is known: it was not written since, and differs from what is known.
   */
  contradicts(kv: KeyValue, revision: number): boolean {
    if (kv.modRevision > revision) return false
    const name = nameOf(kv.key)
    const trace = this.#recent.get(name) ?? this.#sample.get(name)
    return trace === undefined ? this.#isComplete : !isTraceOf(trace, kv, !this.#keysOnly)
  }

  /**
   * False if the last changes of the known state cannot be these: the last event of each key in the revision up to which
   * everything is known.
   */
  isRepeated(events: readonly KeyEvent[]): boolean {
    return events.every(({ type, kv }) => {
      if (!this.#isIn(kv.key)) return true
      const name = nameOf(kv.key)
      const trace = this.#recent.get(name) ?? this.#sample.get(name)
      if (type === EventType.delete) return trace === undefined || this.#isDeletedBy(trace, kv)
      // Old servers omit deletes of the revision of the compaction, also after a put in the same transaction.
      if (trace !== undefined && isAbsent(trace)) return true
      return trace === undefined ? !this.#isRemembered(kv.modRevision) : isTraceOf(trace, kv, !this.#keysOnly)
    })
  }

  /** True if the trace is of a key that this event deleted; it may be there again where puts are not seen. */
  #isDeletedBy(trace: Trace, { modRevision }: KeyValue): boolean {
    return isAbsent(trace) || (this.#onlyDeletes && trace.createRevision >= modRevision)
  }

  #isAsKnown(trace: Trace, kv: KeyValue | undefined, hasValue: boolean): boolean {
    if (this.#onlyDeletes) return isUndeletedSince(trace, kv, hasValue)
    return kv === undefined ? isAbsent(trace) : isTraceOf(trace, kv, hasValue)
  }

  /** True if each key that was written at this known revision and is still there is remembered. */
  #isRemembered(revision: number): boolean {
    return this.#ranges !== undefined && (this.#isComplete || revision > this.#forgottenTo)
  }

  #isIn(key: Buffer): boolean {
    return this.#ranges?.some((range) => isInRange(range, key)) !== false
  }

  #wholeQuestion(ranges: readonly WireRange[], revision: number): ContinuityQuestion {
    const bytes = [...this.#sample.values()].reduce((sum, { valueBytes }) => sum + valueBytes, 0)
    const keysOnly = this.#keysOnly || bytes > MAX_VALUE_BYTES
    const limit = SAMPLE_SIZE + 1
    const known = [...this.#sample].map(([name, trace]) => ({
      key: Buffer.from(name, 'latin1'),
      name,
      trace,
    }))
    return ranges.map((range) => {
      const expected = new Map(
        known.filter(({ key }) => isInRange(range, key)).map(({ name, trace }) => [name, trace]),
      )
      return {
        read: { key: range.key, rangeEnd: range.rangeEnd, revision, limit, keysOnly },
        isTelling: expected.size > 0,
        isAsKnown: ({ kvs }, hasValues) =>
          kvs.length === expected.size &&
          kvs.every((kv) => {
            const trace = expected.get(nameOf(kv.key))
            return trace !== undefined && isTraceOf(trace, kv, hasValues)
          }),
      }
    })
  }

  #sampleQuestion(revision: number): ContinuityQuestion {
    const traces = [...new Map([...this.#sample, ...this.#recent])].reverse()
    let bytes = 0
    const keys = traces.map(([name, trace]): Probe => {
      const keysOnly = this.#keysOnly || bytes + trace.valueBytes > MAX_VALUE_BYTES
      if (!keysOnly) bytes += trace.valueBytes
      return {
        read: { key: Buffer.from(name, 'latin1'), revision, keysOnly },
        isTelling: !isAbsent(trace),
        isAsKnown: ({ kvs: [kv] }, hasValues) => this.#isAsKnown(trace, kv, hasValues),
      }
    })
    return [...keys, ...this.#rangeProbes(this.#ranges ?? [], revision)]
  }

  /** Verifies that empty ranges are empty, and counts the keys of the others unless there are very many. */
  #rangeProbes(ranges: readonly WireRange[], revision: number): Probe[] {
    const total = this.#counts.reduce((sum, count) => sum + count, 0)
    return ranges.flatMap(({ key, rangeEnd }, index): Probe[] => {
      const expected = this.#counts[index]
      if (expected === 0) {
        const read = { key, rangeEnd, revision, limit: 1, keysOnly: true }
        return [{ read, isTelling: false, isAsKnown: ({ kvs }) => kvs.length === 0 }]
      }
      const read = { key, rangeEnd, revision, countOnly: true }
      return total > MAX_COUNTED
        ? []
        : [{ read, isTelling: false, isAsKnown: ({ count }) => count === expected }]
    })
  }

  /** Returns true if the key is in one of the ranges, and adds to the number of keys of each such range. */
  #count(key: Buffer, added: number): boolean {
    if (this.#ranges === undefined) return true
    let isIn = false
    for (const [index, range] of this.#ranges.entries()) {
      if (!isInRange(range, key)) continue
      isIn = true
      this.#counts[index]! += added
    }
    return isIn
  }

  /** Adds a written key to the sample if there is room. */
  #follow(name: string, kv: KeyValue): void {
    if (this.#sample.size < SAMPLE_SIZE || this.#sample.has(name)) this.#sample.set(name, traceOf(kv))
    else this.#isComplete = false
  }

  #addSample({ replaced, entries }: SampledEntries, page: EvidencePage): void {
    const names = [...this.#sample.keys()]
    for (const place of replaced) this.#sample.delete(names[place]!)
    for (const { at, end } of entries) {
      const kv = page.entryAt(at, end)
      this.#sample.set(nameOf(kv.key), traceOf(kv))
    }
  }

  #takeNewest(kvs: readonly KeyValue[]): void {
    for (const kv of kvs) this.#recent.set(nameOf(kv.key), traceOf(kv))
    const byAge = [...this.#recent].sort(([, a], [, b]) => a.modRevision - b.modRevision)
    const newest = byAge.slice(-this.#maxRecent)
    this.#recent.clear()
    for (const [name, trace] of newest) this.#recent.set(name, trace)
    const [oldest] = newest
    if (oldest !== undefined && newest.length === this.#maxRecent) this.#forget(oldest[1].modRevision)
  }

  #remember(name: string, trace: Trace): void {
    this.#recent.set(name, trace)
    if (this.#recent.size <= this.#maxRecent) return
    // Deleted keys show little: another store is unlikely to hold them either.
    const deleted = [...this.#recent].filter(([, each]) => isAbsent(each))
    const [oldest] = deleted.length * 2 > this.#maxRecent ? deleted : this.#recent
    this.#recent.delete(oldest![0])
    this.#forget(oldest![1].modRevision)
  }

  /** Keys written at this revision may not be remembered. */
  #forget(revision: number): void {
    this.#forgottenTo = Math.max(this.#forgottenTo, revision)
  }
}
