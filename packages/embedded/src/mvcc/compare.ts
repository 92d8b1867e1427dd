import { type Compare, CompareResult, CompareTarget } from '@livetree/etcd/wire'
import type { KeyVersion } from './key-history.ts'
import { keyRange } from './key-range.ts'
import type { Readable } from './range.ts'

function order(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The value a compare expects; 0 if the value is of another kind than the target. */
function wanted<T extends string>({ targetUnion: given }: Compare, type: T): number | bigint {
  return given?.type === type && !Buffer.isBuffer(given.value) ? given.value : 0
}

/** Compares a key's state with the expected value: negative if below, 0 if equal, positive if above. */
function orderOf(compare: Compare, version: KeyVersion): number {
  switch (compare.target) {
    case CompareTarget.version:
      return order(version.version, wanted(compare, 'version'))
    case CompareTarget.create:
      return order(version.createRevision, wanted(compare, 'createRevision'))
    case CompareTarget.mod:
      return order(version.modRevision, wanted(compare, 'modRevision'))
    case CompareTarget.lease:
      return order(version.lease, wanted(compare, 'lease'))
    case CompareTarget.value: {
      const given = compare.targetUnion
      return Buffer.compare(version.value, given?.type === 'value' ? given.value : Buffer.alloc(0))
    }
    // As in etcd, what is of no known target is equal.
    default:
      return 0
  }
}

function fits(result: number, order: number): boolean {
  switch (result) {
    case CompareResult.equal:
      return order === 0
    case CompareResult.notEqual:
      return order !== 0
    case CompareResult.greater:
      return order > 0
    case CompareResult.less:
      return order < 0
    default:
      return true
  }
}

const ABSENT: KeyVersion = {
  key: Buffer.alloc(0),
  value: Buffer.alloc(0),
  createRevision: 0,
  modRevision: 0,
  version: 0,
  lease: 0n,
  sub: 0,
}

/**
 * True if a compare holds for every key of its range. A range without keys is compared like a key with all
 * numbers 0; a comparison by value never holds for it.
 */
export function holds(compare: Compare, from: Readable): boolean {
  const found = from.range(keyRange(compare.key, compare.rangeEnd), from.revision)
  if (found.length === 0) {
    return compare.target !== CompareTarget.value && fits(compare.result, orderOf(compare, ABSENT))
  }
  return found.every((version) => fits(compare.result, orderOf(compare, version)))
}
