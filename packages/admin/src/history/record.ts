import { optionKinds } from '@livetree/core/source'
import { createHash } from 'node:crypto'

/** The text of a key as a record keeps it: left out where it may be secret, or is long. */
export interface RecordedText {
  /** Undefined if `isHidden`, or if the text is longer than 64 KiB. */
  readonly text?: string
  /** The key may hold a secret. */
  readonly isHidden?: true
  /** The length of a text that is too long to be recorded, and the SHA-256 hash of its bytes as hex. */
  readonly bytes?: number
  readonly sha256?: string
  /** The revision that had written the text before. */
  readonly revision?: number
}

/** One key that an apply changed. */
export interface RecordedChange {
  readonly key: string
  /** From the root of the schema: `db.pool.max`; of a key that the schema has no place for, the key. */
  readonly path: string
  /** Absent: the key was not there. */
  readonly before?: RecordedText
  /** Absent: the key was removed. */
  readonly after?: RecordedText
}

/** What one apply leaves behind, as it is stored: for each layer that it changed, the part that concerns it. */
export interface StoredRecord {
  readonly version: 1
  /** A UUID of version 7; also the name of the record's key. */
  readonly id: string
  /** `void`: it was given up, and this record prevents that a request under way applies it late. */
  readonly kind: 'change' | 'rollback' | 'import' | 'void'
  readonly author: string
  /** By the clock of the writer, in ISO 8601. */
  readonly at: string
  readonly message?: string
  /** The revision that a rollback returned to; undefined for other writes. */
  readonly to?: number
  /** The name of the definition that judged it. */
  readonly name: string
  /** It was applied although the schema refuses the tree. */
  readonly isForced?: true
  /** It was allowed to remove much. */
  readonly allowsRemoval?: true
  /** Every layer that the apply changed, by its prefix. */
  readonly layers: readonly string[]
  readonly changes: readonly RecordedChange[]
}

/** A record of a change that was applied. */
export type AppliedRecord = StoredRecord & { readonly kind: Exclude<StoredRecord['kind'], 'void'> }

const MOST_BYTES = 64 * 1024

/** A text as a record keeps it. */
export function recordedText(text: string, isHidden: boolean, revision?: number): RecordedText {
  const at = revision === undefined ? {} : { revision }
  if (isHidden) return { isHidden: true, ...at }
  const bytes = Buffer.byteLength(text)
  if (bytes <= MOST_BYTES) return { text, ...at }
  return { bytes, sha256: createHash('sha256').update(text).digest('hex'), ...at }
}

/** The text that is stored. */
export function recordText(record: StoredRecord): string {
  return JSON.stringify(record)
}

/** What a key of a history holds. */
export type RecordRead =
  | { readonly type: 'record'; readonly record: StoredRecord }
  /** A newer version of livetree has written it, in a form that is not known here. */
  | { readonly type: 'newer'; readonly version: number }
  /** It is damaged, or something else stands in its place. */
  | { readonly type: 'unreadable' }

/**
 * Reads a record.
 *
 * @param id the one in the name of its key, which a record has too. Default: whatever it has
 */
export function readRecord(text: string, id?: string): RecordRead {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return { type: 'unreadable' }
  }
  if (isRecord(read))
    return id === undefined || read.id === id ? { type: 'record', record: read } : { type: 'unreadable' }
  const version = optionKinds.isObject(read) ? read['version'] : undefined
  return Number.isSafeInteger(version) && (version as number) > 1
    ? { type: 'newer', version: version as number }
    : { type: 'unreadable' }
}

/** A record that is known here; undefined for everything else. */
export function parseRecord(text: string): StoredRecord | undefined {
  const read = readRecord(text)
  return read.type === 'record' ? read.record : undefined
}

const KINDS: readonly unknown[] = ['change', 'rollback', 'import', 'void']

function isRecord(read: unknown): read is StoredRecord {
  if (!optionKinds.isObject(read) || read['version'] !== 1 || !KINDS.includes(read['kind'])) return false
  const { at, message, to, isForced, allowsRemoval, layers, changes } = read
  const isNamed = ['id', 'author', 'at', 'name'].every((name) => typeof read[name] === 'string')
  const isDated = !Number.isNaN(Date.parse(String(at)))
  const isExplained = isOptional(message, 'string') && isOptional(to, 'number')
  const isFlagged = isOptional(isForced, 'boolean') && isOptional(allowsRemoval, 'boolean')
  const isListed = Array.isArray(layers) && layers.every((prefix) => typeof prefix === 'string')
  const isWhole = isNamed && isDated && isExplained && isFlagged && isListed
  return isWhole && Array.isArray(changes) && changes.every(isChange)
}

function isOptional(value: unknown, type: 'string' | 'number' | 'boolean'): boolean {
  return value === undefined || typeof value === type
}

function isChange(change: unknown): boolean {
  if (!optionKinds.isObject(change)) return false
  const isNamed = typeof change['key'] === 'string' && typeof change['path'] === 'string'
  return isNamed && [change['before'], change['after']].every((side) => side === undefined || isText(side))
}

function isText(side: unknown): boolean {
  if (!optionKinds.isObject(side)) return false
  const { text, isHidden, bytes, sha256, revision } = side
  const isKnown =
    isOptional(text, 'string') && isOptional(isHidden, 'boolean') && isOptional(sha256, 'string')
  return isKnown && isOptional(bytes, 'number') && isOptional(revision, 'number')
}
