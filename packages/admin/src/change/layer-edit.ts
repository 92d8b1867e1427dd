import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  keyOfPath,
  kindAt,
  parsePathText,
  pathOfKey,
  pathText,
  writePart,
  writeValue,
  type WrittenForm,
} from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import { prefixOf } from '../tree/tree-state.ts'
import { jsonOf, type PlainTree, treeOf } from '../transfer/plain-tree.ts'
import { isSameJson, isSameText, treeLeaves } from '../transfer/tree-leaves.ts'
import { translatedNow } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import type { AddedKeys } from './added-keys.ts'
import { editJson, isJsonContainer, partOfJson } from './edit-json.ts'
import type { SortedKeys } from './sorted-keys.ts'

/** What is to happen to a key: its new text, or undefined to remove it. */
export type KeyEdits = ReadonlyMap<string, string | undefined>

/** What the edits of all layers share, since layers may share keys. */
export interface EditedTree {
  readonly entries: ReadonlyMap<string, StoreEntry>
  /** Those of `entries`. */
  readonly keys: SortedKeys
  /** Those of `edits` that are not in `entries`. Is added to. */
  readonly added: AddedKeys
  /** What is to happen. Is added to. */
  readonly edits: Map<string, string | undefined>
  /** Keys that were put, also with the text that they have. Is added to. */
  readonly put: Set<string>
  /** Paths that are to hold an empty object once nothing is below them, by their keys. Is added to. */
  readonly empty: Map<string, Path>
}

/** A document in a key above a path, and the names that lead from it to the path. */
interface Holder {
  readonly key: string
  readonly text: string
  readonly names: readonly string[]
}

/** Edits the keys of one layer, step by step, as they would be after the steps before. Nothing is stored. */
export class LayerEdit {
  readonly layer: LayerInfo
  readonly #workspace: Workspace
  readonly #tree: EditedTree

  constructor(workspace: Workspace, layer: LayerInfo, tree: EditedTree) {
    this.#workspace = workspace
    this.layer = layer
    this.#tree = tree
  }

  /**
   * Writes a value, in the form that the tree has: a list that stands in keys of its items stays so, and a document above
   * the path is edited. What stood below the path goes.
   *
   * @throws AdminError `invalid_path`, `invalid_value`, `unwritable_value`
   */
  set(path: Path, value: unknown): void {
    const { definition, isUntyped } = this.#workspace.settings
    if (value === undefined)
      throw new AdminError('invalid_value', {
        what: `"${pathText(path)}" cannot be set to undefined`,
        remedy: 'Use unset() to remove it.',
      })
    if (isUntyped && typeof value !== 'string') {
      this.#replace(path, [])
      this.setTree(path, treeOf(value))
      return
    }
    const holder = this.#holderOf(path)
    if (holder !== undefined) {
      const json = translatedNow(() => writePart(definition, path, value))
      this.#editDocument(holder, path, json)
      return
    }
    const form = (at: Path) => this.#formAt(at)
    const leaves = translatedNow(() => writeValue(definition, path, value, { form }))
    this.#replace(
      path,
      leaves.map((leaf) => [this.keyOf(leaf.path), leaf.text]),
    )
  }

  /**
   * Writes what a file holds at a path: objects are merged with what is there, everything else replaces it.
   *
   * @throws AdminError `invalid_path`, `invalid_value`, `unwritable_value`
   */
  setTree(path: Path, tree: PlainTree): void {
    const holder = this.#holderOf(path)
    if (holder !== undefined) {
      this.#editDocument(holder, path, jsonOf(tree))
      return
    }
    if (tree.type !== 'object' || !this.#isDirectory(path)) {
      this.#replace(path, this.#leavesOf(path, tree))
      return
    }
    for (const [name, part] of tree.parts) this.setTree(this.#child(path, name), part)
    if (tree.parts.length > 0 || this.#isTop(path)) return
    const key = this.keyOf(path)
    this.#tree.empty.set(key, path)
    this.#putEmpty(key, path)
  }

  /** Puts an empty object where one is to be, and nothing below it says that there is one. */
  #putEmpty(key: string, path: Path): void {
    if (this.#keysAt(path).every((each) => each === key)) this.#replace(path, [[key, '{}']])
  }

  /** Writes the text of a variable, which the schema reads; in a document above, it is quoted. */
  setText(path: Path, text: string): void {
    const holder = this.#holderOf(path)
    if (holder === undefined) this.#replace(path, [[this.keyOf(path), text]])
    else this.#editDocument(holder, path, JSON.stringify(text))
  }

  #isDirectory(path: Path): boolean {
    const { definition, isUntyped } = this.#workspace.settings
    return isUntyped || [undefined, 'directory', 'raw'].includes(kindAt(definition, path))
  }

  /** The path of a name that a file has in an object: files have the names that the store has. */
  #child(path: Path, name: string): Path {
    const { definition } = this.#workspace.settings
    const directory = this.#isTop(path) ? this.layer.keyPrefix : `${this.keyOf(path)}/`
    const key = directory + name.replace(/[%/]/g, (character) => (character === '/' ? '%2F' : '%25'))
    return translatedNow(() => pathOfKey(definition, key, this.layer)) ?? [...path, name]
  }

  /** What stays as it is where the layer has it in another writing: `+1` for `1`, or with other blanks. */
  #leavesOf(path: Path, tree: PlainTree): readonly (readonly [key: string, text: string])[] {
    const leaves = treeLeaves(this.#workspace, path, tree, (at) => this.#formAt(at))
    return leaves.map((leaf) => {
      const key = this.keyOf(leaf.path)
      const stored = this.textOf(key)
      const isSame = stored !== undefined && isSameText(this.#workspace, leaf.path, stored, leaf.text)
      return [key, isSame ? stored : leaf.text]
    })
  }

  /**
   * Removes everything at and below a path.
   *
   * @throws AdminError `invalid_path`; `not_found` if the layer has nothing there
   */
  unset(path: Path): void {
    const holder = this.#holderOf(path)
    if (holder !== undefined && partOfJson(holder.text, holder.names) !== undefined) {
      this.#editDocument(holder, path, undefined)
      return
    }
    const keys = this.#keysAt(path)
    if (keys.length === 0)
      throw new AdminError('not_found', {
        what: `Layer ${prefixOf(this.layer)} has nothing at "${pathText(path)}"`,
        remedy: 'Look with read(): another layer or a default may give the value.',
      })
    for (const key of keys) this.putKey(key, undefined)
  }

  /** Puts or removes one key as it is. */
  putKey(key: string, text: string | undefined): void {
    if (text !== undefined) this.#tree.put.add(key)
    const isStored = text === undefined ? !this.#tree.entries.has(key) : this.#stored(key) === text
    if (isStored) this.#tree.edits.delete(key)
    else {
      this.#tree.edits.set(key, text)
      if (!this.#tree.entries.has(key)) this.#tree.added.add(key)
    }
  }

  /** Removes every key of the layer that was not put. */
  prune(): void {
    const { store } = this.#workspace.settings
    for (const key of this.#tree.keys.startingWith(this.layer.keyPrefix))
      if (!this.#tree.put.has(key) && this.#isThere(key) && !store.isReserved(key))
        this.putKey(key, undefined)
    for (const [key, path] of this.#tree.empty) this.#putEmpty(key, path)
  }

  /** The text of a key after the edits so far; undefined where there is none, or bytes that are no text. */
  textOf(key: string): string | undefined {
    return this.#tree.edits.has(key) ? this.#tree.edits.get(key) : this.#stored(key)
  }

  /** @throws AdminError `invalid_path` */
  keyOf(path: Path): string {
    const { definition, store } = this.#workspace.settings
    const key = translatedNow(() => keyOfPath(definition, path, this.layer))
    if (key === this.layer.keyPrefix) return this.#documentKey()
    if (!store.isReserved(key)) return key
    throw new AdminError('invalid_path', {
      what: `The key ${key} is one of livetree's own`,
      remedy: 'Choose another name.',
    })
  }

  /** The key of a whole layer's document: that of its directory without the slash, where the source reads it. */
  #documentKey(): string {
    const { keyPrefix } = this.layer
    const isRead = this.#workspace.settings.store.documentKeys.includes(prefixOf(this.layer))
    return isRead && !this.#isThere(keyPrefix) ? prefixOf(this.layer) : keyPrefix
  }

  #stored(key: string): string | undefined {
    const value = this.#tree.entries.get(key)?.value
    return typeof value === 'string' ? value : undefined
  }

  /** Whether a key holds something, text or not. A directory marker, `dir/` without a value, holds nothing. */
  #isThere(key: string): boolean {
    const { edits, entries } = this.#tree
    const value = edits.has(key) ? edits.get(key) : entries.get(key)?.value
    return value !== undefined && !(value === '' && key.endsWith('/'))
  }

  #replace(path: Path, written: readonly (readonly [key: string, text: string])[]): void {
    const kept = new Set(written.map(([key]) => key))
    this.#clearAbove(path)
    for (const key of this.#keysAt(path)) if (!kept.has(key)) this.putKey(key, undefined)
    for (const [key, text] of written) this.putKey(key, text)
  }

  /** A scalar above a path, such as `null`, goes: nothing below it would be read. */
  #clearAbove(path: Path): void {
    for (const [, key] of this.#above(path)) if (this.#isThere(key)) this.putKey(key, undefined)
  }

  /** How many names lead to the place where the layer is mounted. */
  get #mounted(): number {
    return this.layer.at === undefined ? 0 : parsePathText(this.layer.at).length
  }

  #isTop(path: Path): boolean {
    return path.length === this.#mounted
  }

  /** The keys of the places above a path in this layer, from the top. */
  #above(path: Path): readonly (readonly [depth: number, key: string])[] {
    return path
      .map((_, depth) => depth)
      .filter((depth) => depth >= this.#mounted)
      .map((depth) => [depth, this.keyOf(path.slice(0, depth))] as const)
  }

  #holderOf(path: Path): Holder | undefined {
    // The key says also whether the layer has such a path at all.
    const key = this.keyOf(path)
    for (const [depth, above] of this.#above(path)) {
      const text = this.#isThere(above) ? this.textOf(above) : undefined
      if (text === undefined || !isJsonContainer(text)) continue
      const { keyPrefix } = this.layer
      const whole = key.slice(keyPrefix.length).split('/').map(decodeURIComponent)
      return { key: above, text, names: whole.slice(depth - this.#mounted) }
    }
    return undefined
  }

  #editDocument({ key, text, names }: Holder, path: Path, json: string | undefined): void {
    const part = partOfJson(text, names)
    // What says the same stays as it is written.
    const isSame = part !== undefined && json !== undefined && isSameJson(part, json)
    const edited = isSame ? text : editJson(text, names, json)
    if (edited === undefined)
      throw new AdminError('invalid_path', {
        what: `The document in ${key} has no place for "${pathText(path)}"`,
        remedy: 'Set the list or object above it as a whole.',
      })
    this.putKey(key, edited)
  }

  /** The keys that hold what is at and below a path, without directory markers. */
  #keysAt(path: Path): string[] {
    const key = this.keyOf(path)
    const directory = this.#isTop(path) ? this.layer.keyPrefix : `${key}/`
    const { store } = this.#workspace.settings
    const below = [...this.#tree.keys.startingWith(directory), ...this.#tree.added.below(directory)]
    return [...new Set([key, ...below])].filter((each) => this.#isThere(each) && !store.isReserved(each))
  }

  #formAt(path: Path): WrittenForm | undefined {
    const [key, ...more] = this.#keysAt(path)
    if (key === undefined) return undefined
    const isDocument = key === this.keyOf(path)
    if (!isDocument) return 'children'
    return more.length === 0 && isJsonContainer(this.textOf(key) ?? '') ? 'document' : undefined
  }
}
