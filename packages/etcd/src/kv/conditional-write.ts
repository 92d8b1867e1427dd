import type { CallDeadline } from '../call-deadline.ts'
import {
  BYTES,
  FLAG,
  LEASE_OR_NONE,
  type OptionChecks,
  readOptions,
  refuseArgument,
  whole,
} from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import { bytesOf, copyOf } from '../key-range.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { Entry } from './entry.ts'
import { type GuardPorts, inOneCluster, isUnknown, READ_BACK, readBack, stillUnknown } from './lost-answer.ts'
import type { PutResult } from './operation.ts'
import { type CallControl, CONTROL_CHECKS, controlOf } from './range-query.ts'
import { type Condition, compare } from './condition.ts'
import { op } from './txn.ts'

/** Options of `create` and `update`. */
export interface ConditionalOptions extends CallControl {
  /** Lease to attach the key to; 0n means none. */
  readonly lease?: bigint
  /**
   * No one else ever writes this exact value, for example because it contains a random id. A write whose
   * answer was lost is then recognized by reading the key back, instead of failing with `outcome_unknown`. It
   * is never sent again. Default false.
   */
  readonly isUnique?: boolean
}

/** Options of `compareAndSwap`: exactly one of the two expectations is required. */
export interface CompareAndSwapOptions extends ConditionalOptions {
  /** The value the key must have. */
  readonly expectedValue?: Bytes
  /** The revision that must have written the key last; 0 for an absent key. */
  readonly expectedRevision?: number
}

const CALL = 'KV/Txn'

const GUARDED_CHECKS: OptionChecks<ConditionalOptions> = {
  ...CONTROL_CHECKS,
  lease: LEASE_OR_NONE,
  isUnique: FLAG,
}

const SWAP_CHECKS: OptionChecks<CompareAndSwapOptions> = {
  ...GUARDED_CHECKS,
  expectedValue: BYTES,
  expectedRevision: whole(0),
}

/** One write, with copies of the caller's bytes. */
interface Write {
  readonly key: Bytes
  readonly value: Bytes
  readonly options: ConditionalOptions
}

/** The result of sending a conditional write once. */
interface Sending {
  /** Set if the condition held and the key was written. */
  readonly done: PutResult | undefined
  /** What the key contained if the condition did not hold. */
  readonly found: Entry | undefined
  readonly header: ResponseHeader
}

type Refuse = (found: Entry | undefined) => EtcdError

function refusal(code: 'key_exists' | 'key_not_found' | 'compare_failed', what: string): EtcdError {
  return new EtcdError(code, { call: CALL, what, fate: 'not_applied' })
}

async function send(
  { kv }: GuardPorts,
  guard: Condition,
  { key, value, options }: Write,
  deadline: CallDeadline,
): Promise<Sending> {
  const { lease } = options
  const txn = kv
    .txn()
    .if(guard)
    .then(op.put(key, value, lease === undefined ? {} : { lease }))
    .else(op.get(key))
  const result = await deadline.run((timeoutMs) => txn.commit({ ...controlOf(options), timeoutMs }))
  const { header } = result
  return result.succeeded
    ? { done: result.results[0], found: undefined, header }
    : { done: undefined, found: result.results[0], header }
}

function holds(found: Entry, { value, options: { lease = 0n } }: Write): boolean {
  return found.lease === lease && found.value.equals(bytesOf(value))
}

function resultAt(header: ResponseHeader, revision: number): PutResult {
  return {
    header: { ...header, revision },
    previous: undefined,
  }
}

/** Returns the result of the first attempt, or the error if it is unknown whether the write was applied. */
async function sendFirst(sending: Promise<Sending>, refused: Refuse): Promise<PutResult | EtcdError> {
  try {
    const { done, found } = await sending
    if (done === undefined) throw refused(found)
    return done
  } catch (error) {
    if (isUnknown(error)) return error
    throw error
  }
}

/**
 * Writes a key that must be absent. A write whose answer was lost is never sent again: another client may
 * have deleted the key in between, or the endpoint may now belong to another cluster. The key is read back
 * instead.
 */
async function writeAbsent(ports: GuardPorts, write: Write, refused: Refuse): Promise<PutResult> {
  const { call, deadline } = begin(ports, write)
  const first = await sendFirst(send(ports, compare.isAbsent(write.key), call, deadline), refused)
  if (!(first instanceof EtcdError)) return first
  const { found, header } = await readBack(ports, call, deadline, first)
  if (found === undefined) throw stillUnknown(first, `${READ_BACK}: it does not exist, or no longer exists`)
  if (write.options.isUnique && found.version === 1) {
    if (holds(found, write)) return resultAt(header, found.modRevision)
    const what = `${refused(found).what}; its own write, whose answer was lost, may have been there before`
    throw refused(found).with({ what, fate: 'unknown', cause: first })
  }
  throw stillUnknown(first, `${READ_BACK}: what it holds now may be this write, or another one`)
}

/** Binds all requests of the call to the current cluster and starts its time limit. */
function begin(ports: GuardPorts, write: Write): { readonly call: Write; readonly deadline: CallDeadline } {
  const { options } = write
  const deadline = ports.deadline(CALL, options)
  return { call: { ...write, options: { ...options, ...inOneCluster(ports, options) } }, deadline }
}

/**
 * Writes a key at an expected revision. Only the write directly after that revision can be the one whose
 * answer was lost.
 */
async function writeAfter(
  ports: GuardPorts,
  write: Write,
  expected: number,
  refused: Refuse,
): Promise<PutResult> {
  const { call, deadline } = begin(ports, write)
  const guard = compare.modRevision(write.key, '=', expected)
  const first = await sendFirst(send(ports, guard, call, deadline), refused)
  if (!(first instanceof EtcdError)) return first
  const { found, header } = await readBack(ports, call, deadline, first)
  if (found?.modRevision === expected)
    throw stillUnknown(first, `${READ_BACK}: it was not applied by then, and may still be`)
  if (found !== undefined && (await isNext(ports, call, expected, found, deadline))) {
    if (!holds(found, write)) throw refused(found)
    if (write.options.isUnique) return resultAt(header, found.modRevision)
  }
  throw stillUnknown(first, `${READ_BACK}: it has been written or deleted since`)
}

async function isNext(
  { kv }: GuardPorts,
  { key, options }: Write,
  expected: number,
  found: Entry,
  deadline: CallDeadline,
): Promise<boolean> {
  const revision = found.modRevision - 1
  const before = deadline.run((timeoutMs) => kv.get(key, { ...controlOf(options), revision, timeoutMs }))
  return (await before.catch(() => undefined))?.modRevision === expected
}

/**
 * Creates a key.
 *
 * @throws EtcdError `key_exists`, `outcome_unknown`
 */
export async function createKey(
  ports: GuardPorts,
  key: Bytes,
  value: Bytes,
  options?: ConditionalOptions,
): Promise<PutResult> {
  const given = readOptions(CALL, GUARDED_CHECKS, options)
  const write = { key: copyOf('the key', key), value: copyOf('the value', value), options: given }
  return writeAbsent(ports, write, () => refusal('key_exists', 'the key already exists'))
}

/**
 * Writes an existing key.
 *
 * @throws EtcdError `key_not_found`, `outcome_unknown`
 */
export async function updateKey(
  ports: GuardPorts,
  key: Bytes,
  value: Bytes,
  options?: ConditionalOptions,
): Promise<PutResult> {
  const given = readOptions(CALL, GUARDED_CHECKS, options)
  const { done } = await send(
    ports,
    compare.exists(key),
    { key, value, options: given },
    ports.deadline(CALL, given),
  )
  if (done === undefined) throw refusal('key_not_found', 'the key does not exist')
  return done
}

/**
 * Writes a key if it still has the expected value or revision.
 *
 * @throws EtcdError `compare_failed`, `outcome_unknown`, `invalid_argument`
 */
export async function compareAndSwapKey(
  ports: GuardPorts,
  key: Bytes,
  value: Bytes,
  options: CompareAndSwapOptions,
): Promise<PutResult> {
  const given = readOptions(CALL, SWAP_CHECKS, options)
  const { expectedValue, expectedRevision } = given
  const write = { key: copyOf('the key', key), value: copyOf('the value', value), options: given }
  if (expectedRevision !== undefined && expectedValue === undefined) {
    const refused: Refuse = (found) => {
      const now = found === undefined ? 'not there' : `last written at revision ${found.modRevision}`
      return refusal('compare_failed', `the key is ${now}, expected was ${expectedRevision}`)
    }
    if (expectedRevision === 0) return writeAbsent(ports, write, refused)
    return writeAfter(ports, write, expectedRevision, refused)
  }
  if (expectedValue === undefined || expectedRevision !== undefined) {
    throw refuseArgument('compareAndSwap takes either expectedValue or expectedRevision', CALL)
  }
  // A value can recur, so sending this twice could write twice: the outcome stays unknown if the answer is
  // lost.
  const { done } = await send(
    ports,
    compare.value(key, '=', expectedValue),
    write,
    ports.deadline(CALL, given),
  )
  if (done === undefined) throw refusal('compare_failed', 'the key does not hold the expected value')
  return done
}
