import { crc32 } from 'node:zlib'
import type { KeyValue, RangeRequest, RangeResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'

/** The last known state of a key; a `modRevision` of 0 means that it did not exist. */
export interface Trace {
  readonly modRevision: number
  readonly createRevision: number
  readonly version: number
  readonly valueBytes: number
  readonly valueHash: number
}

/** One read at a known revision with its expected answer. */
export interface Probe {
  readonly read: Init<RangeRequest>
  /**
   * True if another store is unlikely to give the expected answer, i.e. if it is more than "the key does not
   * exist".
   */
  readonly isTelling: boolean
  /** Whether the answer matches the known store. `hasValues`: the values were requested. */
  isAsKnown(answer: RangeResponse, hasValues: boolean): boolean
}

/** The reads that tell whether a store is the known one. */
export type ContinuityQuestion = readonly Probe[]

/** The trace of a key that does not exist. */
export const ABSENT: Trace = Object.freeze({
  modRevision: 0,
  createRevision: 0,
  version: 0,
  valueBytes: 0,
  valueHash: 0,
})

/** The key as text that is exact for any bytes. */
export function nameOf(key: Buffer): string {
  return key.toString('latin1')
}

/** What is remembered of a key. */
export function traceOf({ modRevision, createRevision, version, value }: KeyValue): Trace {
  return { modRevision, createRevision, version, valueBytes: value.length, valueHash: crc32(value) }
}

/** True if the key is unchanged. Its value is compared if `hasValue`. */
export function isTraceOf(trace: Trace, kv: KeyValue, hasValue: boolean): boolean {
  const isSameWrite =
    trace.modRevision === kv.modRevision &&
    trace.createRevision === kv.createRevision &&
    trace.version === kv.version
  if (!isSameWrite || !hasValue) return isSameWrite
  return trace.valueBytes === kv.value.length && trace.valueHash === crc32(kv.value)
}
