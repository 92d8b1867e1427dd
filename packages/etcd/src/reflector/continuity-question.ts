import { crc32 } from 'node:zlib'
import type { KeyValue, RangeRequest, RangeResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'

/** The last known state of a key; a `version` of 0 means that it was deleted at `modRevision`. */
export interface Trace {
  readonly modRevision: number
  readonly createRevision: number
  readonly version: number
  readonly valueBytes: number
  /** Undefined if the value is not known. */
  readonly valueHash: number | undefined
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

/** The trace of a key that was deleted at this revision. */
export function deletedAt(modRevision: number): Trace {
  return { modRevision, createRevision: 0, version: 0, valueBytes: 0, valueHash: 0 }
}

/** True if the trace is of a key that does not exist. */
export function isAbsent({ version }: Trace): boolean {
  return version === 0
}

/** The key as text that is exact for any bytes. */
export function nameOf(key: Buffer): string {
  return key.toString('latin1')
}

/** What is remembered of a key. */
export function traceOf({ modRevision, createRevision, version, value }: KeyValue): Trace {
  return { modRevision, createRevision, version, valueBytes: value.length, valueHash: crc32(value) }
}

/** The trace of a key whose value is not known. */
export function withoutValue(trace: Trace): Trace {
  return { ...trace, valueBytes: 0, valueHash: undefined }
}

/**
 * True if the key has not been deleted since the trace, or, after a trace of its deletion, was put since then if it is
 * there. `kv`: the key at a later revision, undefined if it does not exist.
 */
export function isUndeletedSince(trace: Trace, kv: KeyValue | undefined, hasValue: boolean): boolean {
  if (kv === undefined) return isAbsent(trace)
  if (isAbsent(trace)) return kv.createRevision >= trace.modRevision
  if (kv.modRevision === trace.modRevision) return isTraceOf(trace, kv, hasValue)
  return (
    kv.createRevision === trace.createRevision &&
    kv.modRevision > trace.modRevision &&
    kv.version > trace.version
  )
}

/** True if the key is unchanged. Its value is compared if `hasValue`. */
export function isTraceOf(trace: Trace, kv: KeyValue, hasValue: boolean): boolean {
  const isSameWrite =
    trace.modRevision === kv.modRevision &&
    trace.createRevision === kv.createRevision &&
    trace.version === kv.version
  if (!isSameWrite || !hasValue || trace.valueHash === undefined) return isSameWrite
  return trace.valueBytes === kv.value.length && trace.valueHash === crc32(kv.value)
}
