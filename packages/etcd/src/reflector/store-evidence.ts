import { crc32 } from 'node:zlib'
import type { WireRange } from '../key-range.ts'
import type { RawPage } from '../kv/range-page.ts'
import type { KeyValue, RangeRequest, RangeResponse, TxnRequest, TxnResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'
import { type Event, EventType } from '../wire/watch.ts'
import { isInRange } from './is-in-range.ts'

/** What a key was when it was last heard of; `modRevision` 0: it was not there. */
interface Trace {
  readonly modRevision: number
  readonly createRevision: number
  readonly version: number
  readonly valueBytes: number
  readonly valueHash: number
}

/** A read of the store at one revision, and what its answer says of the store. */
export interface ContinuityQuestion {
  readonly request: Init<TxnRequest>
  /** Whether the store that gave the answer holds at that revision what the known one held. */
  isSameStore(answer: TxnResponse): boolean
}

export interface EvidenceOptions {
  /** Where a whole list is known: its ranges, as the store knows them. Undefined: events are all there is. */
  readonly ranges?: readonly WireRange[]
  /** Keys that were written last and are remembered for it. Default 24. */
  readonly maxRecent?: number
}

const ABSENT: Trace = Object.freeze({
  modRevision: 0,
  createRevision: 0,
  version: 0,
  valueBytes: 0,
  valueHash: 0,
})

/** Keys remembered besides those that were written last. Up to so many in all, every key is. */
const SAMPLE_SIZE = 64
const MAX_RECENT = 24
/** Values that one question may ask for, in bytes; of other keys only their revisions are asked for. */
const MAX_VALUE_BYTES = 256 * 1024
/** To count a range costs the server a walk over it. */
const MAX_COUNTED = 100_000
const MAX_COUNTED_RANGES = 16
/** One operation each; etcd takes 128 in a transaction unless told otherwise. */
const MAX_WHOLE_RANGES = 64

/**
 * What is remembered of a store, to tell after a lost connection whether it is still the same one: of a small range
 * every key, of a large one the keys written last, a sample of the others, and how many there are. Two stores with equal
 * headers differ in that. Costs one read of at most 104 operations, and a few kilobytes.
 */
export class StoreEvidence {
  readonly #ranges: readonly WireRange[] | undefined
  readonly #maxRecent: number
  readonly #sample = new Map<string, Trace>()
  /** Oldest first. */
  readonly #recent = new Map<string, Trace>()
  #isComplete: boolean
  /** Keys in each of the ranges. */
  #counts: number[]
  #seen = 0
  /** Entries of a list that were written before it are not among the newest. */
  #newestFrom = 0

  constructor({ ranges, maxRecent = MAX_RECENT }: EvidenceOptions = {}) {
    this.#ranges = ranges
    this.#maxRecent = maxRecent
    this.#isComplete = ranges !== undefined && ranges.length <= MAX_WHOLE_RANGES
    this.#counts = (ranges ?? []).map(() => 0)
  }

  /** Takes a page of a list. Decodes no more of it than it remembers. */
  listed(page: RawPage, range: number): void {
    this.#counts[range]! += page.length
    const newest = new Newest(this.#maxRecent, this.#newestFrom)
    page.eachEntry((modRevision, at, end) => {
      this.#seen += 1
      if (this.#sample.size < SAMPLE_SIZE) this.#addToSample(page.entryAt(at, end))
      else {
        this.#isComplete = false
        newest.add({ modRevision, at, end })
        // each entry has the same chance to be in the sample
        const place = Math.floor(Math.random() * this.#seen)
        if (place < SAMPLE_SIZE) this.#exchange(place, page.entryAt(at, end))
      }
    })
    this.#takeNewest(newest.taken().map(({ at, end }) => page.entryAt(at, end)))
  }

  /** Takes the last event of each key in one revision; `wereThere` tells which keys were there before it. */
  changed(events: readonly Event[], wereThere: readonly boolean[]): void {
    const isLate = (index: number) => index >= events.length - this.#maxRecent
    for (const [index, { type, kv }] of events.entries()) {
      const isThere = type !== EventType.delete
      const known = kv!
      if (!this.#count(known.key, Number(isThere) - Number(wereThere[index]))) continue
      const name = nameOf(known.key)
      if (!isThere) this.#sample.delete(name)
      else if (this.#ranges !== undefined) this.#follow(name, known)
      if (isLate(index)) this.#remember(name, isThere ? traceOf(known) : ABSENT)
    }
  }

  /** What to ask at the revision up to which everything is known; undefined where nothing is remembered. */
  question(revision: number): ContinuityQuestion | undefined {
    if (revision < 1) return undefined
    return this.#isComplete && this.#ranges !== undefined
      ? this.#wholeQuestion(this.#ranges, revision)
      : this.#sampleQuestion(revision)
  }

  /**
   * Whether an entry of a later list cannot be from the known store, of which everything up to `revision` is known: it
   * was not written since, and is not what it was.
   */
  contradicts(kv: KeyValue, revision: number): boolean {
    if (kv.modRevision > revision) return false
    const name = nameOf(kv.key)
    const trace = this.#recent.get(name) ?? this.#sample.get(name)
    return trace === undefined ? this.#isComplete : !isTraceOf(trace, kv, true)
  }

  #wholeQuestion(ranges: readonly WireRange[], revision: number): ContinuityQuestion {
    const bytes = [...this.#sample.values()].reduce((sum, { valueBytes }) => sum + valueBytes, 0)
    const hasValues = bytes <= MAX_VALUE_BYTES
    const limit = SAMPLE_SIZE + 1
    const expected = new Map(this.#sample)
    return questionOf(
      ranges.map(({ key, rangeEnd }) => ({ key, rangeEnd, revision, limit, keysOnly: !hasValues })),
      (answers) => {
        const found = new Map(answers.flatMap(({ kvs }) => kvs.map((kv) => [nameOf(kv.key), kv])))
        if (found.size !== expected.size) return false
        return [...expected].every(([name, trace]) => {
          const kv = found.get(name)
          return kv !== undefined && isTraceOf(trace, kv, hasValues)
        })
      },
    )
  }

  #sampleQuestion(revision: number): ContinuityQuestion | undefined {
    const traces = [...new Map([...this.#sample, ...this.#recent])].reverse()
    if (traces.length === 0) return undefined
    let bytes = 0
    const keys = traces.map(([name, trace]) => {
      const hasValue = bytes + trace.valueBytes <= MAX_VALUE_BYTES
      if (hasValue) bytes += trace.valueBytes
      return { name, trace, hasValue }
    })
    const counted = this.#countedRanges()
    const counts = [...this.#counts]
    return questionOf(
      [
        ...keys.map(({ name, hasValue }) => ({
          key: Buffer.from(name, 'latin1'),
          revision,
          keysOnly: !hasValue,
        })),
        ...counted.map(({ key, rangeEnd }) => ({ key, rangeEnd, revision, countOnly: true })),
      ],
      (answers) =>
        keys.every(({ trace, hasValue }, index) => {
          const kv = answers[index]!.kvs[0]
          return kv === undefined ? trace === ABSENT : isTraceOf(trace, kv, hasValue)
        }) && counted.every((_, index) => answers[keys.length + index]!.count === counts[index]),
    )
  }

  #countedRanges(): readonly WireRange[] {
    const total = this.#counts.reduce((sum, count) => sum + count, 0)
    if (this.#ranges === undefined || total > MAX_COUNTED) return []
    return this.#ranges.length > MAX_COUNTED_RANGES ? [] : this.#ranges
  }

  /** Whether the key is in one of the ranges, each of which now holds so many keys more. */
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

  /** A key was written: a sample that has room takes it in. */
  #follow(name: string, kv: KeyValue): void {
    if (this.#sample.size < SAMPLE_SIZE || this.#sample.has(name)) this.#sample.set(name, traceOf(kv))
    else this.#isComplete = false
  }

  #addToSample(kv: KeyValue): void {
    this.#sample.set(nameOf(kv.key), traceOf(kv))
  }

  #exchange(place: number, kv: KeyValue): void {
    this.#sample.delete([...this.#sample.keys()][place]!)
    this.#addToSample(kv)
  }

  #takeNewest(kvs: readonly KeyValue[]): void {
    for (const kv of kvs) this.#recent.set(nameOf(kv.key), traceOf(kv))
    const byAge = [...this.#recent].sort(([, a], [, b]) => a.modRevision - b.modRevision)
    const newest = byAge.slice(-this.#maxRecent)
    this.#recent.clear()
    for (const [name, trace] of newest) this.#recent.set(name, trace)
    if (newest.length === this.#maxRecent) this.#newestFrom = newest[0]![1].modRevision
  }

  #remember(name: string, trace: Trace): void {
    this.#recent.delete(name)
    this.#recent.set(name, trace)
    if (this.#recent.size <= this.#maxRecent) return
    const [oldest] = this.#recent.keys()
    this.#recent.delete(oldest!)
  }
}

/** The entries of a page that were written last, by their places. */
class Newest {
  readonly #most: number
  #from: number
  #entries: EntryPlace[] = []

  /** Those up to revision `from` are left out. */
  constructor(most: number, from: number) {
    this.#most = most
    this.#from = from
  }

  add(entry: EntryPlace): void {
    if (entry.modRevision <= this.#from) return
    this.#entries.push(entry)
    // sorted now and then, so that a list whose entries are each newer than the one before costs no more
    if (this.#entries.length >= this.#most * 20) this.#prune()
  }

  taken(): readonly EntryPlace[] {
    this.#prune()
    return this.#entries
  }

  #prune(): void {
    this.#entries.sort((a, b) => b.modRevision - a.modRevision)
    this.#entries = this.#entries.slice(0, this.#most)
    if (this.#entries.length === this.#most) this.#from = this.#entries[this.#most - 1]!.modRevision
  }
}

interface EntryPlace {
  readonly modRevision: number
  readonly at: number
  readonly end: number
}

function questionOf(
  ranges: readonly Init<RangeRequest>[],
  judge: (answers: readonly RangeResponse[]) => boolean,
): ContinuityQuestion {
  return {
    request: { success: ranges.map((value) => ({ request: { type: 'range', value } })) },
    isSameStore({ responses }) {
      const answers = responses.flatMap(({ response }) =>
        response?.type === 'range' ? [response.value] : [],
      )
      return answers.length === ranges.length && judge(answers)
    },
  }
}

/** A key as text that is exact for any bytes. */
function nameOf(key: Buffer): string {
  return key.toString('latin1')
}

function traceOf({ modRevision, createRevision, version, value }: KeyValue): Trace {
  return { modRevision, createRevision, version, valueBytes: value.length, valueHash: crc32(value) }
}

function isTraceOf(trace: Trace, kv: KeyValue, hasValue: boolean): boolean {
  const isSameWrite =
    trace.modRevision === kv.modRevision &&
    trace.createRevision === kv.createRevision &&
    trace.version === kv.version
  if (!isSameWrite || !hasValue) return isSameWrite
  return trace.valueBytes === kv.value.length && trace.valueHash === crc32(kv.value)
}
