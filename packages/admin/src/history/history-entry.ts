import type { Path } from '@livetree/core'
import { placeOf } from '../tree/key-place.ts'
import type { Workspace } from '../workspace.ts'
import type { RecordedText, StoredRecord } from './record.ts'

/** One key that a write changed. Texts that may be secret are left out. */
export interface HistoryChange {
  /** The prefix of its layer: `/config/checkout/prod`. */
  readonly layer: string
  readonly key: string
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
  /** Of a rollback: the revision that was gone back to. */
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

/** One write to the layers. */
export type HistoryEntry = RecordedEntry | UnrecordedEntry

/** A record as an entry; undefined for a void one. A text is left out where the schema says by now that it may be secret. */
export function recordedEntry(
  workspace: Workspace,
  record: StoredRecord,
  revision: number,
): RecordedEntry | undefined {
  const { kind, id, author, at, message, to, isForced = false, allowsRemoval = false } = record
  if (kind === 'void') return undefined
  const changes = record.changes.map(({ key, before, after }) => historyChange(workspace, key, before, after))
  const common = { id, kind, author, at: new Date(at), message, to, isForced, allowsRemoval }
  return { type: 'recorded', revision, ...common, changes }
}

/** Describes the change of a key. */
export function historyChange(
  workspace: Workspace,
  key: string,
  before: RecordedText | undefined,
  after: RecordedText | undefined,
): HistoryChange {
  const { path, pathText, prefix, isHidden } = placeOf(workspace, key)
  return {
    layer: prefix,
    key,
    path,
    pathText,
    before: shown(before, isHidden),
    after: shown(after, isHidden),
  }
}

function shown(text: RecordedText | undefined, isHidden: boolean): RecordedText | undefined {
  if (text === undefined || !isHidden) return text
  return { isHidden: true, ...(text.revision !== undefined && { revision: text.revision }) }
}
