import { SECRET_TEXT } from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import type { RecordedChange, StoredRecord } from '../history/record.ts'

/** A key of a change that somebody else changed since it was planned. Texts that may be secret read `[secret]`. */
export interface Conflict {
  readonly key: string
  /** From the root of the schema: `db.pool.max`. */
  readonly path: string
  /** The text when the change was planned; undefined: the key was not there. */
  readonly planned: string | undefined
  /** The text now; undefined: the key is gone. */
  readonly now: string | undefined
  /** The text that the change would have written; undefined: it would have removed the key. */
  readonly wanted: string | undefined
  /** The revision that wrote the key; undefined if it was removed and nothing says when. */
  readonly revision: number | undefined
  /** Who changed it, when and why; undefined if that was written by another tool than livetree's. */
  readonly by: { readonly author: string; readonly at: string; readonly message?: string } | undefined
  /** For people: the author and the time, or what is known where `by` is undefined. */
  readonly byText: string
  /** The fields that are undefined because the store did not tell them. */
  readonly unknown: readonly ConflictUnknown[]
}

/**
 * What may stay unknown of a conflict: `planned` when the revision of the plan cannot be read any more, `by` when the
 * history cannot be read.
 */
export type ConflictUnknown = 'planned' | 'by'

/** A record with the revision that wrote it. */
export interface FoundRecord {
  readonly record: StoredRecord
  readonly revision: number
}

/** What a conflict is made of. */
export interface ConflictParts {
  /** Whether the tree that the change was planned on could be read. */
  readonly isPlannedKnown: boolean
  readonly key: string
  readonly path: string
  readonly isHidden: boolean
  readonly planned: StoreEntry | undefined
  readonly now: StoreEntry | undefined
  readonly wanted: string | undefined
  /** The revision that removed the key; undefined if the key exists, or if the revision is not known. */
  readonly removedAt: number | undefined
}

/**
 * Describes a conflict, with the newest of the records since then that tells of the key.
 *
 * @param records undefined: they could not be read
 */
export function conflictOf(parts: ConflictParts, records: readonly FoundRecord[] | undefined): Conflict {
  const { key, path, isHidden, isPlannedKnown, planned, now, wanted, removedAt } = parts
  const at = now?.modRevision ?? removedAt
  const shown = (text: string | undefined) => (text !== undefined && isHidden ? SECRET_TEXT : text)
  const found = (records ?? [])
    .filter(({ record }) => record.changes.some((change) => isOf(change, key, now === undefined)))
    .filter(({ revision }) => at === undefined || revision === at)
    .toSorted((a, b) => b.revision - a.revision)[0]
  const by = found === undefined ? undefined : writerOf(found.record)
  return {
    key,
    path,
    planned: isPlannedKnown ? shown(textOf(planned)) : undefined,
    now: shown(textOf(now)),
    wanted: shown(wanted),
    revision: at ?? found?.revision,
    by,
    byText: writerText(by, records !== undefined),
    unknown: [...(isPlannedKnown ? [] : PLANNED), ...(records === undefined ? BY : [])],
  }
}

/** One line for people: the key, who was first, and both texts. */
export function describeConflict({
  key,
  path,
  planned,
  now,
  wanted,
  revision,
  by,
  byText,
  unknown,
}: Conflict): string {
  const why = by?.message === undefined ? '' : ` (${by.message})`
  const at = revision === undefined ? '' : `, revision ${revision}`
  const moved = unknown.includes('planned')
    ? `${shown(now)} now, changed`
    : planned === undefined && now === undefined
      ? 'set, and removed again'
      : `${shown(planned)} → ${shown(now)}`
  const own = wanted === undefined ? 'removes it' : `sets ${shown(wanted)}`
  return `${path}: ${moved} by ${byText}${why}${at}; this change ${own} (${key})`
}

const PLANNED: readonly ConflictUnknown[] = ['planned']
const BY: readonly ConflictUnknown[] = ['by']

function isOf(change: RecordedChange, key: string, isRemoved: boolean): boolean {
  return change.key === key && (change.after === undefined) === isRemoved
}

function writerOf({ author, at, message }: StoredRecord): NonNullable<Conflict['by']> {
  return { author, at, ...(message !== undefined && { message }) }
}

function writerText(by: Conflict['by'], isHistoryKnown: boolean): string {
  if (by !== undefined) return `${by.author} at ${by.at}`
  return isHistoryKnown ? 'another tool' : 'somebody (the history could not be read)'
}

/** The text of an entry; undefined where there is none, or no text. */
export function textOf(entry: StoreEntry | undefined): string | undefined {
  return entry === undefined ? undefined : typeof entry.value === 'string' ? entry.value : '(bytes)'
}

const MOST_SHOWN = 60

function shown(text: string | undefined): string {
  if (text === undefined) return 'nothing'
  return JSON.stringify(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text)
}
