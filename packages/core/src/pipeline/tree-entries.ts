import { itemAt } from '../item-at.ts'
import { isPureDirectory } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { coverOf } from '../format/cover.ts'
import { isEmptyObject, isNullText } from './document.ts'
import { Losses } from './losses.ts'
import { isStandIn } from './stand-in.ts'
import { Unopened } from './unopened.ts'
import { type Trail, touch } from './trail.ts'
import { TrialJournal } from './trial-journal.ts'
import { insertEntry, removeEntry } from './node-entries.ts'
import { type DocumentMark, type Entry, entriesOf } from './tree-node.ts'

/** Puts the entries of all layers into the tree and takes them out, and keeps count of them. */
export class TreeEntries {
  /** What the layers have lost; for the guard. */
  readonly losses: Losses
  readonly journal = new TrialJournal()
  /** Scalars where only a directory can be valid; they make the tree invalid also when a higher layer covers them. */
  readonly scalarsAtDirectories = new Map<Entry, readonly string[]>()
  /** What cannot be opened where the schema reads nothing, by entry: it is there all the same, with its name. */
  readonly unopenedUnread = new Map<Entry, readonly string[]>()
  /** By layer, those spread from documents counted one by one. */
  readonly #counts: number[]

  readonly #noted: (names: readonly string[], entry: Pick<Entry, 'layer' | 'document'>) => void

  /** `noted` is called for every entry and document that is added or removed. */
  constructor(
    layerCount: number,
    noted: (names: readonly string[], entry: Pick<Entry, 'layer' | 'document'>) => void,
  ) {
    this.losses = new Losses(layerCount)
    this.#counts = Array.from({ length: layerCount }, () => 0)
    this.#noted = noted
  }

  noteDocument({ names }: Trail, { layer }: DocumentMark): void {
    this.#noted(names, { layer })
  }

  isEmpty(layer: number): boolean {
    return itemAt(this.#counts, layer) === 0
  }

  set(trail: Trail, entry: Entry, schemaNode: SchemaNode | undefined): void {
    if (schemaNode === undefined && !isStandIn(entry.document?.value)) entry.isUnread = true
    const old = insertEntry(trail.end, entry)
    if (old !== undefined) {
      this.scalarsAtDirectories.delete(old)
      this.unopenedUnread.delete(old)
      this.losses.changed(old, entry)
      touch(trail, 0, this.journal)
    } else {
      this.#count(entry.layer, 1)
      this.losses.came(entry, trail.names)
      this.#noted(trail.names, entry)
      touch(trail, 1, this.journal)
    }
    if (schemaNode === undefined && entry.value instanceof Unopened)
      this.unopenedUnread.set(entry, [...trail.names])
    const isCover = coverOf(entry.value) !== undefined
    if (isCover) for (const node of trail.nodes) node.markCovering()
    const isMisplaced = schemaNode !== undefined && isPureDirectory(schemaNode) && !isCover
    if (isMisplaced && !isNullText(entry.value) && !isEmptyObject(entry.value))
      this.scalarsAtDirectories.set(entry, [...trail.names])
  }

  remove(trail: Trail, entry: Entry): void {
    removeEntry(trail.end, entry)
    this.scalarsAtDirectories.delete(entry)
    this.unopenedUnread.delete(entry)
    this.#count(entry.layer, -1)
    touch(trail, -1, this.journal)
    // A key may have taken over from a document, or the other way round.
    const replacement = entriesOf(trail.end).find((other) => other.layer === entry.layer)
    this.losses.went(entry, trail.names, replacement)
    this.#noted(trail.names, entry)
  }

  #count(layer: number, delta: 1 | -1): void {
    this.#counts[layer] = itemAt(this.#counts, layer) + delta
  }
}

/** Creates an entry; `given` is said where it is not `value`, and `document` for a leaf that is spread from one. */
export function newEntry(
  layer: number,
  value: unknown,
  revision: number,
  given?: unknown,
  document?: DocumentMark,
): Entry {
  const entry: Entry = { layer, value, revision, below: undefined }
  if (document !== undefined) entry.document = document
  if (given !== undefined) entry.given = given
  return entry
}
