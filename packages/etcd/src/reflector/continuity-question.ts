import { crc32 } from 'node:zlib'
import type { KeyValue, RangeRequest, RangeResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'

/** What a key was when it was last heard of; `modRevision` 0: it was not there. */
export interface Trace {
  readonly modRevision: number
  readonly createRevision: number
  readonly version: number
  readonly valueBytes: number
  readonly valueHash: number
}

/** One read of the store at a known revision, and what its answer has to be. */
export interface Probe {
  readonly read: Init<RangeRequest>
  /** A store that gives the expected answer is hardly another one: the answer is more than "nothing is there". */
  readonly isTelling: boolean
  /** Whether the store that gave the answer holds what the known one held. `hasValues`: the values were asked for. */
  isAsKnown(answer: RangeResponse, hasValues: boolean): boolean
}

/** What to ask a store, to tell whether it is the known one. */
export type ContinuityQuestion = readonly Probe[]

export const ABSENT: Trace = Object.freeze({
  modRevision: 0,
  createRevision: 0,
  version: 0,
  valueBytes: 0,
  valueHash: 0,
})

/** A key as text that is exact for any bytes. */
export function nameOf(key: Buffer): string {
  return key.toString('latin1')
}

/** What there is to remember of a key. */
export function traceOf({ modRevision, createRevision, version, value }: KeyValue): Trace {
  return { modRevision, createRevision, version, valueBytes: value.length, valueHash: crc32(value) }
}

/** Whether the key is what it was; its value counts where `hasValue`. */
export function isTraceOf(trace: Trace, kv: KeyValue, hasValue: boolean): boolean {
  const isSameWrite =
    trace.modRevision === kv.modRevision &&
    trace.createRevision === kv.createRevision &&
    trace.version === kv.version
  if (!isSameWrite || !hasValue) return isSameWrite
  return trace.valueBytes === kv.value.length && trace.valueHash === crc32(kv.value)
}
