import type { Path } from '@livetree/core'
import type { StoreEntry } from 'livetree/operate'
import { AddedKeys } from './added-keys.ts'
import { EditedDocuments } from './edited-documents.ts'
import { SortedKeys } from './sorted-keys.ts'

/** What is to happen to a key: its new text, or undefined to remove it. */
export type KeyEdits = ReadonlyMap<string, string | undefined>

/** What the edits of all layers share, since layers may share keys. */
export interface EditedTree {
  readonly entries: ReadonlyMap<string, StoreEntry>
  /** Those of `entries`. */
  readonly keys: SortedKeys
  /** Those of `edits` that are not in `entries`. Is added to. */
  readonly added: AddedKeys
  /** What is to happen, except inside `documents`. Is added to. */
  readonly edits: Map<string, string | undefined>
  /** Documents that are edited. Is added to. */
  readonly documents: EditedDocuments
  /** Keys that were put, also with the text that they have. Is added to. */
  readonly put: Set<string>
  /** Paths that are to hold an empty object once nothing is below them, by their keys. Is added to. */
  readonly empty: Map<string, Path>
}

/** Entries as they are before any edit. */
export function editedTree(entries: EditedTree['entries']): EditedTree {
  return {
    entries,
    keys: new SortedKeys(entries.keys()),
    added: new AddedKeys(),
    edits: new Map(),
    documents: new EditedDocuments(),
    put: new Set(),
    empty: new Map(),
  }
}
