import { EtcdError } from '../errors.ts'
import { type Bytes, bytesOf } from '../key-range.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { Entry } from './entry.ts'
import type { KvService } from './kv-service.ts'
import type { PutResult } from './operation.ts'
import type { CallControl } from './range-query.ts'
import { compare, op } from './txn.ts'

/** How to write a key on a condition. */
export interface GuardedOptions extends CallControl {
  /** Hang the key on this lease. */
  readonly lease?: bigint
  /**
   * Nobody else writes this very value (it holds a random id, say). Then a write whose answer was lost can be told from
   * another one's by reading the key back, instead of failing with `outcome_unknown`. Default false.
   */
  readonly isUnique?: boolean
}

/** What the key has to hold for `swap`; exactly one of the two. */
export interface SwapOptions extends GuardedOptions {
  /** The value it has. */
  readonly expectedValue?: Bytes
  /** The revision that last wrote it; 0 for a key that is not there. */
  readonly expectedRevision?: number
}

const isUnknown = (error: unknown): error is EtcdError =>
  error instanceof EtcdError && error.code === 'outcome_unknown'

const putOp = (key: Bytes, value: Bytes, { lease }: GuardedOptions) =>
  op.put(key, value, lease === undefined ? {} : { lease })

const refusal = (code: 'key_exists' | 'key_not_found' | 'compare_failed', what: string): EtcdError =>
  new EtcdError(code, { call: 'KV/Txn', what })

const written = (header: ResponseHeader, revision: number): PutResult => ({
  header: { ...header, revision },
  previous: undefined,
})

/**
 * Sends a guarded write that can apply only once however often it is sent, and once more when its answer was lost
 * (ETCD T2). `judge` says what a failed guard means after a lost answer: a result if the write was ours, an error if it
 * was not, `undefined` if that cannot be told.
 */
const commitOnce = async (
  commit: () => Promise<{
    readonly done: PutResult | undefined
    readonly found: Entry | undefined
    readonly header: ResponseHeader
  }>,
  refused: (found: Entry | undefined) => EtcdError,
  judge: (found: Entry | undefined, header: ResponseHeader) => Promise<PutResult | EtcdError | undefined>,
): Promise<PutResult> => {
  const first = await commit().catch((error: unknown) => {
    if (isUnknown(error)) return error
    throw error
  })
  if (!(first instanceof EtcdError)) {
    if (first.done === undefined) throw refused(first.found)
    return first.done
  }
  const second = await commit().catch(() => {
    throw first
  })
  if (second.done !== undefined) return second.done
  const verdict = await judge(second.found, second.header).catch(() => undefined)
  if (verdict === undefined) throw first
  if (verdict instanceof EtcdError) throw verdict
  return verdict
}

const holds = (found: Entry, value: Bytes, { lease = 0n }: GuardedOptions): boolean =>
  found.lease === lease && found.value.equals(bytesOf(value))

/** Creates a key. Throws `key_exists`, `outcome_unknown`. */
export const createKey = (
  kv: KvService,
  key: Bytes,
  value: Bytes,
  options: GuardedOptions,
): Promise<PutResult> => {
  const exists = (): EtcdError => refusal('key_exists', 'the key is there already')
  const commit = async () => {
    const txn = kv
      .txn()
      .if(compare.isAbsent(key))
      .then(putOp(key, value, options))
      .else(op.get(key))
    const result = await txn.commit(options)
    const { header } = result
    return result.succeeded
      ? { done: result.results[0], found: undefined, header }
      : { done: undefined, found: result.results[0], header }
  }
  return commitOnce(commit, exists, async (found, header) => {
    // Written again or deleted since: whose the first write was cannot be seen any more.
    if (found?.version !== 1) return undefined
    if (!holds(found, value, options)) return exists()
    return options.isUnique ? written(header, found.modRevision) : undefined
  })
}

/** Writes a key that is there. Throws `key_not_found`, `outcome_unknown`. */
export const updateKey = async (
  kv: KvService,
  key: Bytes,
  value: Bytes,
  options: GuardedOptions,
): Promise<PutResult> => {
  const result = await kv
    .txn()
    .if(compare.exists(key))
    .then(putOp(key, value, options))
    .commit(options)
  if (!result.succeeded) throw refusal('key_not_found', 'the key is not there')
  return result.results[0]
}

/** Writes a key if it still holds what is expected. Throws `compare_failed`, `outcome_unknown`, `invalid_argument`. */
export const swapKey = (
  kv: KvService,
  key: Bytes,
  value: Bytes,
  options: SwapOptions,
): Promise<PutResult> => {
  const { expectedValue, expectedRevision } = options
  if (expectedRevision !== undefined && expectedValue === undefined) {
    return swapByRevision(kv, key, value, expectedRevision, options)
  }
  if (expectedValue === undefined || expectedRevision !== undefined) {
    throw new EtcdError('invalid_argument', { what: 'swap takes either expectedValue or expectedRevision' })
  }
  return swapByValue(kv, key, value, expectedValue, options)
}

/** A value may come back, so sending this twice could write twice: the outcome stays open when the answer is lost. */
const swapByValue = async (
  kv: KvService,
  key: Bytes,
  value: Bytes,
  expected: Bytes,
  options: SwapOptions,
): Promise<PutResult> => {
  const txn = kv
    .txn()
    .if(compare.value(key, '=', expected))
    .then(putOp(key, value, options))
  const result = await txn.commit(options)
  if (!result.succeeded) throw refusal('compare_failed', 'the key does not hold the expected value')
  return result.results[0]
}

/** A revision never comes back, so at most one of two sendings applies. */
const swapByRevision = (
  kv: KvService,
  key: Bytes,
  value: Bytes,
  expected: number,
  options: SwapOptions,
): Promise<PutResult> => {
  const failed = (found: Entry | undefined): EtcdError => {
    const now =
      found === undefined
        ? 'the key is not there'
        : `the key was last written at revision ${found.modRevision}`
    return refusal('compare_failed', `${now}, expected was ${expected}`)
  }
  const commit = async () => {
    const guard = compare.modRevision(key, '=', expected)
    const txn = kv
      .txn()
      .if(guard)
      .then(putOp(key, value, options))
      .else(op.get(key))
    const result = await txn.commit(options)
    const { header } = result
    return result.succeeded
      ? { done: result.results[0], found: undefined, header }
      : { done: undefined, found: result.results[0], header }
  }
  return commitOnce(commit, failed, async (found, header) => {
    if (found === undefined) return undefined
    const before = await kv.get(key, { revision: found.modRevision - 1 })
    // Only the write right after the expected revision can be the one whose answer was lost.
    if ((before?.modRevision ?? 0) !== expected) return undefined
    if (!holds(found, value, options)) return failed(found)
    return options.isUnique ? written(header, found.modRevision) : undefined
  })
}
