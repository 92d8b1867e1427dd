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
  /** Other keys of records that must be absent. */
  readonly taken: readonly string[]
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

/** A transaction of a change. */
export interface ChangeTransaction extends Transaction {
  /**
   * Whether its conditions compare each key that changes with what it held, or require that it is absent. Where there is no
   * room for that, some are compared by revision alone, which a store restored from a backup gives to another text.
   */
  readonly isGuarded: boolean
}

/**
 * Builds the transaction of a change. It is only applied while the layers are as they were judged:
 * - the keys that it changes have the texts that they had, or are still absent, and its record is not there yet;
 * - no key of a layer was written since, and no record: an admin's removals leave one;
 * - other keys still have their texts: those nearest to the written ones, as many as fit. etcd detects that another tool
 *   removed a key only by a condition on that very key.
 *
 * Texts are compared, since a store that was restored from a backup gives its revisions a second time.
 *
 * @throws AdminError `too_large`, with the numbers
 */
export function transactionOf(workspace: Workspace, parts: TransactionParts): ChangeTransaction {
  const { worked, records, taken, histories, pruned, markers } = parts
  const free = new Set([...records.map(({ key }) => key), ...taken])
  const { store, maxOperations } = workspace.settings
  const { revision, entries } = worked.state.reading
  const isUnmoved = (key: string) =>
    compare.modRevision(keyBytes(key), '=', entries.get(key)?.modRevision ?? 0)
  const heldBy = (key: string) => entries.get(key)?.value ?? ''
  const isSame = (key: string) => compare.value(keyBytes(key), '=', heldBy(key))
  const present = [...worked.edits].filter(([key]) => entries.has(key))
  const replaced = present.flatMap(([key, text]) => (text === undefined ? [] : [key]))
  const removed = present.flatMap(([key, text]) => (text === undefined ? [key] : []))
  const added = [...worked.edits.keys()].filter((key) => !entries.has(key))
  const needed = [
    ...[...free].map((key) => compare.isAbsent(key)),
    ...store.prefixes.map((prefix) => compare.modRevision({ prefix }, '<', revision + 1)),
    ...store.documentKeys.map((key) => compare.modRevision(key, '<', revision + 1)),
    ...histories.map(({ range }) => compare.createRevision(range, '<', revision + 1)),
  ]
  const writes = [
    ...[...worked.edits].map(([key, text]) =>
      text === undefined ? op.delete(keyBytes(key)) : op.put(keyBytes(key), text),
    ),
    ...records.map(({ key, record }) => op.put(key, recordText(record))),
    ...markers.map((key) => op.put(key, 'yes')),
  ]
  const room = roomOf(workspace, worked, {
    conditions: [...needed, ...replaced.map(isUnmoved)],
    operations: writes,
  })
  const prunes = pruned.map((key) => op.delete(key)).filter((each) => room.takesOperation(each))
  // Together with the comparison of its layer, the same text says that nobody has written the key.
  const compared = replaced.filter((key) => room.takesBytesOf(isSame(key)))
  const byText = new Set(compared)
  const own = [...added.map((key) => compare.isAbsent(keyBytes(key))), ...removed.map(isSame)]
  const ownTaken = own.filter((each) => room.takesCondition(each))
  const isGuarded = compared.length === replaced.length && ownTaken.length === own.length
  const large = isGuarded ? [] : removed.map(isUnmoved).filter((each) => room.takesCondition(each))
  const conditions = [
    ...needed,
    ...replaced.map((key) => (byText.has(key) ? isSame(key) : isUnmoved(key))),
    ...ownTaken,
    ...large,
  ]
  const others = nearestKeys(worked, maxOperations - conditions.length).map((key) =>
    heldBy(key).length > MOST_COMPARED_LENGTH ? compare.exists(keyBytes(key)) : isSame(key),
  )
  return {
    conditions: [...conditions, ...others.filter((each) => room.takesCondition(each))],
    operations: [...writes, ...prunes],
    isGuarded,
  }
}

/** A longer text of a key that does not change is not sent for comparison. */
const MOST_COMPARED_LENGTH = 4_096

/** What the server adds to a request before it measures it: a header with the name of the user. */
const SERVER_BYTES = 512

/**
 * What may be added to a transaction because it still fits.
 *
 * @throws AdminError `too_large` if what it needs does not fit
 */
function roomOf({ client, settings }: Workspace, worked: WorkedOut, needed: Transaction) {
  const { maxOperations, maxRequestBytes } = settings
  // A request is its conditions and operations one after the other, so that their sizes add up.
  const bytesOf = ({ conditions = [], operations = [] }: Partial<Transaction>) =>
    client.kv
      .txn()
      .if(...conditions)
      .then(...operations).byteLength
  let [conditions, operations] = [needed.conditions.length, needed.operations.length]
  let bytes = bytesOf(needed)
  assertFits(settings, worked, { conditions, operations, bytes })
  const takes = (added: Partial<Transaction>) => {
    const size = bytesOf(added)
    if (bytes + size + SERVER_BYTES > maxRequestBytes) return false
    bytes += size
    return true
  }
  return {
    /** For a condition that takes the place of another one, whose bytes stay counted. */
    takesBytesOf: (each: Condition) => takes({ conditions: [each] }),
    takesCondition: (each: Condition) =>
      conditions < maxOperations && takes({ conditions: [each] }) && ++conditions > 0,
    takesOperation: (each: TxnOp<unknown>) =>
      operations < maxOperations && takes({ operations: [each] }) && ++operations > 0,
  }
}

function assertFits(
  { maxOperations, maxRequestBytes }: Workspace['settings'],
  { edits }: WorkedOut,
  { conditions, operations, bytes }: Readonly<Record<'conditions' | 'operations' | 'bytes', number>>,
): void {
  const isMany = Math.max(conditions, operations) > maxOperations
  if (!isMany && bytes <= maxRequestBytes) return
  const needs = isMany
    ? `${edits.size} keys change, and with the record that takes ${operations} operations and ${conditions} conditions; the store takes ${maxOperations} of each in one transaction`
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

/** The first keys of a large change suffice to tell where it is. */
const MOST_COMPARED = 16

function shared(one: string, other: string): number {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}
