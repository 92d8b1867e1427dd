import { isUtf8 } from 'node:buffer'
import type { Path } from '@livetree/core'
import type { WatchEvent } from '@livetree/etcd'
import { isEncryptedText } from '../secrets/encrypted-with.ts'
import { placeOf } from '../tree/key-place.ts'
import type { Workspace } from '../workspace.ts'
import { type AppliedRecord, recordedText, type RecordedText, type StoredRecord } from './record.ts'

/** One key that a write changed. Texts that may be secret are left out. */
export interface HistoryChange {
  /** The prefix of its layer: `/config/checkout/prod`. */
  readonly layer: string
  readonly key: string
  /** A layer that is mounted at several places gives its keys several paths: this is the requested one, or the first. */
  readonly path: Path
  /** `db.pool.max` */
  readonly pathText: string
  /** Undefined: the key was not there, or, in a write without a record, nothing says what it held. */
  readonly before: RecordedText | undefined
  /** Undefined: the key was removed. */
  readonly after: RecordedText | undefined
}

interface EntryParts {
  /** The revision of the store that wrote it. */
  readonly revision: number
  readonly changes: readonly HistoryChange[]
}

/** A write by an admin, with its record. */
export interface RecordedEntry extends EntryParts {
  readonly type: 'recorded'
  /** A UUID of version 7. */
  readonly id: string
  readonly kind: Exclude<StoredRecord['kind'], 'void'>
  readonly author: string
  /** By the clock of the writer. */
  readonly at: Date
  readonly message: string | undefined
  /** The revision that a rollback returned to; undefined for other writes. */
  readonly to: number | undefined
  /** It was applied although the schema refused the tree. */
  readonly isForced: boolean
  /** It was allowed to remove much. */
  readonly allowsRemoval: boolean
}

/** A write by another tool, such as `etcdctl`, or one whose record is pruned. */
export interface UnrecordedEntry extends EntryParts {
  readonly type: 'unrecorded'
}

/** A write by an admin of a newer version of livetree, whose record cannot be read here. */
export interface NewerEntry extends EntryParts {
  readonly type: 'newer'
  /** The id in the record of the write. */
  readonly id: string
  /** The version of the record's format. */
  readonly version: number
  /** From the store's own history; empty if that is compacted. */
  readonly changes: readonly HistoryChange[]
}

/** A write by an admin whose record is damaged: nothing says who made it. */
export interface UnreadableEntry extends EntryParts {
  readonly type: 'unreadable'
  /** The id in the record of the write. */
  readonly id: string
  /** From the store's own history; empty if that is compacted. */
  readonly changes: readonly HistoryChange[]
}

/** One write to the layers. */
export type HistoryEntry = RecordedEntry | UnrecordedEntry | NewerEntry | UnreadableEntry

/**
 * A record as an entry. A text is left out where the schema says by now that it may be secret.
 *
 * @param along the path that is asked for
 */
export function recordedEntry(
  workspace: Workspace,
  { changes, ...record }: AppliedRecord,
  revision: number,
  along: Path,
): RecordedEntry {
  const { kind, id, author, at, message, to, isForced = false, allowsRemoval = false } = record
  const common = { id, kind, author, at: new Date(at), message, to, isForced, allowsRemoval }
  const shownChanges = changes.map(({ key, before, after }) => {
    const { isHidden, paths, ...place } = placedChange(workspace, key, along)
    const side = (text: RecordedText | undefined) => (isHidden ? hiddenText(workspace, paths, text) : text)
    return { ...place, before: side(before), after: side(after) }
  })
  return { type: 'recorded', revision, ...common, changes: shownChanges }
}

/** What the store says of a key of a write without a record. @param along the path that is asked for */
export function changeOfEvent(
  workspace: Workspace,
  { type, key, kv, prevKv }: WatchEvent,
  along: Path,
): HistoryChange {
  const { isHidden, paths, ...place } = placedChange(workspace, key, along)
  const textOf = (value: Buffer, revision?: number) =>
    recordedText(
      value.toString(),
      (isHidden && !isEncrypted(workspace, paths, value.toString())) || !isUtf8(value),
      revision,
    )
  const before = prevKv === undefined ? undefined : textOf(prevKv.value, prevKv.modRevision)
  return { ...place, before, after: type === 'delete' ? undefined : textOf(kv.value) }
}

function placedChange(workspace: Workspace, key: string, along: Path) {
  const { path, paths, pathText, prefix, isHidden } = placeOf(workspace, key, along)
  return { layer: prefix, key, path, paths, pathText, isHidden }
}

function isEncrypted({ settings }: Workspace, paths: readonly Path[], text: string | undefined): boolean {
  return text !== undefined && isEncryptedText(settings.definition, paths, text)
}

/** A text that may be secret, unless it is encrypted. */
function hiddenText(
  workspace: Workspace,
  paths: readonly Path[],
  text: RecordedText | undefined,
): RecordedText | undefined {
  if (text === undefined || isEncrypted(workspace, paths, text.text)) return text
  return { isHidden: true, ...(text.revision !== undefined && { revision: text.revision }) }
}
