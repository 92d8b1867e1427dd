import { compare, type Condition, op, type TxnOp } from '@livetree/etcd'
import { keyBytes } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import type { RecordKeys } from '../history/record-keys.ts'
import { recordText, type StoredRecord } from '../history/record.ts'
import type { Workspace } from '../workspace.ts'
import type { WorkedOut } from './work-out.ts'

/** The part of a record that one layer's history keeps. */
export interface RecordPart {
  readonly key: string
  readonly record: StoredRecord
}

/** What a transaction is made of. */
export interface TransactionParts {
  readonly worked: WorkedOut
  /** One for each layer that changes. */
  readonly records: readonly RecordPart[]
  /** The histories of all layers of the store. */
  readonly histories: readonly RecordKeys[]
  /** Keys of old records, the oldest first, which go as far as there is room. */
  readonly pruned: readonly string[]
  /** Keys that allow the removal. */
  readonly markers: readonly string[]
}

/** One transaction: all of a change, or nothing. */
export interface Transaction {
  readonly conditions: readonly Condition[]
  readonly operations: readonly TxnOp<unknown>[]
}

/**
 * Builds the transaction of a change. It is only applied while the layers are as they were judged:
 * - the keys that it writes have the revisions that they had, and its record is not there yet;
 * - no key of a layer was written since, and no record: an admin's removals leave one;
 * - other keys are still there, the nearest of those that it writes first, as many as there is room for: no condition of
 *   etcd tells of a key that another tool has removed, except one for that key.
 *
 * @throws AdminError `too_large`, with the numbers
 */
export function transactionOf({ settings }: Workspace, parts: TransactionParts): Transaction {
  const { worked, records, histories, pruned, markers } = parts
  const { store, maxOperations } = settings
  const { revision, entries } = worked.state.reading
  const present = [...worked.edits.keys()].filter((key) => entries.has(key))
  const needed = [
    ...records.map(({ key }) => compare.isAbsent(key)),
    ...store.prefixes.map((prefix) => compare.modRevision({ prefix }, '<', revision + 1)),
    ...store.documentKeys.map((key) => compare.modRevision(key, '<', revision + 1)),
    ...histories.map(({ range }) => compare.createRevision(range, '<', revision + 1)),
    ...present.map((key) => compare.modRevision(keyBytes(key), '=', entries.get(key)?.modRevision ?? 0)),
  ]
  const writes = [
    ...[...worked.edits].map(([key, text]) =>
      text === undefined ? op.delete(keyBytes(key)) : op.put(keyBytes(key), text),
    ),
    ...records.map(({ key, record }) => op.put(key, recordText(record))),
    ...markers.map((key) => op.put(key, 'yes')),
  ]
  assertFits(settings, worked, records, Math.max(needed.length, writes.length))
  const others = nearestKeys(worked, maxOperations - needed.length)
  return {
    conditions: [...needed, ...others.map((key) => compare.exists(keyBytes(key)))],
    operations: [...writes, ...pruned.slice(0, maxOperations - writes.length).map((key) => op.delete(key))],
  }
}

/** Bytes of a request besides keys and texts: numbers, lengths, conditions. */
const BYTES_FOR_EACH = 64

function assertFits(
  { maxOperations, maxRequestBytes }: Workspace['settings'],
  { edits }: WorkedOut,
  records: readonly RecordPart[],
  operations: number,
): void {
  const written = [...edits].map(([key, text]) => 2 * Buffer.byteLength(key) + Buffer.byteLength(text ?? ''))
  const recorded = records.map(
    ({ key, record }) => Buffer.byteLength(key) + Buffer.byteLength(recordText(record)),
  )
  const bytes = [...written, ...recorded].reduce((sum, size) => sum + size + BYTES_FOR_EACH, 0)
  if (operations <= maxOperations && bytes <= maxRequestBytes) return
  const isMany = operations > maxOperations
  const needs = isMany
    ? `${edits.size} keys change, and with the record and the conditions that takes ${operations} operations; the store takes ${maxOperations} in one transaction`
    : `with its record it takes ${bytes} bytes; the store takes ${maxRequestBytes} in one request`
  throw new AdminError('too_large', {
    what: `The change does not fit into one transaction: ${needs}`,
    remedy: isMany
      ? 'Make several changes of it, write a subtree as one JSON document, or raise --max-txn-ops of etcd and maxOperations here. Nothing was written.'
      : 'Make several changes of it, or raise --max-request-bytes of etcd and maxRequestBytes here. Nothing was written.',
  })
}

/** Keys that the change does not write, those first that share the longest part of their name with one that it writes. */
function nearestKeys({ state, edits }: WorkedOut, room: number): readonly string[] {
  if (room <= 0) return []
  const others = [...state.reading.entries.keys()].filter((key) => !edits.has(key))
  if (others.length <= room) return others
  const written = [...edits.keys()]
  const near = (key: string) =>
    Math.max(0, ...written.slice(0, MOST_COMPARED).map((each) => shared(each, key)))
  return others
    .map((key) => ({ key, nearness: near(key) }))
    .sort((a, b) => b.nearness - a.nearness)
    .slice(0, room)
    .map(({ key }) => key)
}

/** Of a large change the first keys say enough about where it is. */
const MOST_COMPARED = 16

function shared(one: string, other: string): number {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}
