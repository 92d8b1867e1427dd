import { BYTES, type Check, checkArgument, LEASE_OR_NONE, oneOf, whole } from '../check-argument.ts'
import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range-form.ts'
import { held, heldRange, type Namespace } from '../key-range.ts'
import { type Compare, CompareResult, CompareTarget } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'

/** How the two sides of a condition are compared. */
export type Relation = '=' | '!=' | '>' | '<'

/** A condition of a transaction, created by `compare`. */
export interface Condition {
  encode(namespace: Namespace): Init<Compare>
}

const RESULTS: Record<Relation, number> = {
  '=': CompareResult.equal,
  '!=': CompareResult.notEqual,
  '>': CompareResult.greater,
  '<': CompareResult.less,
}

const CALL = 'KV/Txn'
const RELATION = oneOf(...Object.keys(RESULTS))

function condition(
  subject: Bytes | KeyRange,
  target: number,
  relation: Relation,
  targetUnion: NonNullable<Init<Compare>['targetUnion']>,
  check: Check,
): Condition {
  checkArgument(CALL, 'the relation', RELATION, relation)
  checkArgument(CALL, `${targetUnion.type} of the condition`, check, targetUnion.value)
  const range = heldSubject(subject)
  const expected = { ...targetUnion, value: held(targetUnion.value) } as typeof targetUnion
  return {
    encode: (namespace) => ({
      ...namespace.range(range),
      result: RESULTS[relation],
      target,
      targetUnion: expected,
    }),
  }
}

/** Converts a key to a range. Invalid subjects are passed on and refused when the transaction is sent. */
function heldSubject(subject: Bytes | KeyRange): KeyRange {
  if (BYTES.accepts(subject)) return { key: held(subject as Bytes) }
  const isRange = typeof subject === 'object' && subject !== null
  return isRange ? heldRange(subject as KeyRange) : (subject as unknown as KeyRange)
}

const NUMBER = whole(0)

/**
 * The conditions of a transaction. Each applies to a key, or to every key of a range. An absent key has
 * version, revisions and lease 0; a comparison by value never holds for it, not even `!=`.
 */
export const compare = {
  version: (subject: Bytes | KeyRange, relation: Relation, version: number): Condition =>
    condition(subject, CompareTarget.version, relation, { type: 'version', value: version }, NUMBER),
  createRevision: (subject: Bytes | KeyRange, relation: Relation, revision: number): Condition =>
    condition(subject, CompareTarget.create, relation, { type: 'createRevision', value: revision }, NUMBER),
  modRevision: (subject: Bytes | KeyRange, relation: Relation, revision: number): Condition =>
    condition(subject, CompareTarget.mod, relation, { type: 'modRevision', value: revision }, NUMBER),
  value: (subject: Bytes | KeyRange, relation: Relation, value: Bytes): Condition =>
    condition(subject, CompareTarget.value, relation, { type: 'value', value }, BYTES),
  lease: (subject: Bytes | KeyRange, relation: Relation, lease: bigint): Condition =>
    condition(subject, CompareTarget.lease, relation, { type: 'lease', value: lease }, LEASE_OR_NONE),
  exists: (key: Bytes): Condition => compare.version(key, '>', 0),
  isAbsent: (key: Bytes): Condition => compare.version(key, '=', 0),
} as const
