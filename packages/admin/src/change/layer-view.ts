import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  encodeSegment,
  isListAt,
  keyOfPath,
  kindAt,
  mayBeListAt,
  pathOfKey,
  placesOfKey,
  type WrittenForm,
} from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { knownPlace, mountOf } from '../tree/known-place.ts'
import { prefixOf } from '../tree/tree-state.ts'
import { isJoined } from '../transfer/named-items.ts'
import { documentTree } from '../transfer/nested-tree.ts'
import type { PlainTree } from '../transfer/plain-tree.ts'
import { isUnshown } from '../transfer/words-in-lists.ts'
import { translatedNow } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import type { EditedTree } from './edited-tree.ts'
import { itemNames, keyPathOf, knownKeyPathOf } from './item-names.ts'
import { type Holder, isEmptyObject, type JsonDocument } from './json-document.ts'
import { namesAt } from './names-at.ts'

/** What one layer holds after the edits so far. */
export class LayerView {
  readonly layer: LayerInfo
  readonly #workspace: Workspace
  readonly #tree: EditedTree

  constructor(workspace: Workspace, layer: LayerInfo, tree: EditedTree) {
    this.#workspace = workspace
    this.layer = layer
    this.#tree = tree
  }

  /** The text of a key after the edits so far; undefined where there is none, or bytes that are no text. */
  textOf(key: string): string | undefined {
    const { documents, edits } = this.#tree
    return documents.editedText(key) ?? (edits.has(key) ? edits.get(key) : this.stored(key))
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
    return isRead && !this.isThere(keyPrefix) ? prefixOf(this.layer) : keyPrefix
  }

  /** The text of a key before the edits. */
  stored(key: string): string | undefined {
    const value = this.#tree.entries.get(key)?.value
    return typeof value === 'string' ? value : undefined
  }

  /** Whether a key holds something, text or not. A directory marker, `dir/` without a value, holds nothing. */
  isThere(key: string): boolean {
    const { edits, entries } = this.#tree
    const value = edits.has(key) ? edits.get(key) : entries.get(key)?.value
    return value !== undefined && !(value === '' && key.endsWith('/'))
  }

  /**
   * The path of the keys of what a path of the configuration names: see `keyPathOf`.
   *
   * @throws AdminError `invalid_path`, `not_found`
   */
  keyPathOf(path: Path, use: 'set' | 'unset'): Path {
    return keyPathOf(this.#workspace, path, { namesAt: (list) => this.#itemNamesAt(list), use })
  }

  /**
   * The path of the keys of what the layer has at a path; undefined where it has no such item of a list. What stands above the path
   * as a whole is not looked into.
   *
   * @throws AdminError `invalid_path`
   */
  knownKeyPathOf(path: Path): Path | undefined {
    return knownKeyPathOf(this.#workspace, path, (list) =>
      list.length >= this.mounted && this.scalarsAbove([...list, '0']).length > 0
        ? undefined
        : this.#itemNamesAt(list),
    )
  }

  #itemNamesAt(list: Path): readonly string[] | undefined {
    if (list.length < this.mounted || this.holderOf([...list, '0']) !== undefined) return undefined
    const directory = this.isTop(list) ? this.layer.keyPrefix : `${this.keyOf(list)}/`
    const keys = this.#keysBelow(directory).filter((key) => this.placeOf(key) !== undefined)
    return itemNames(directory, keys, (key) => this.textOf(key))
  }

  /** The numbers of the items that a list has as keys, in their order; none where some of its names are no numbers. */
  numbersAt(list: Path): readonly string[] {
    const names = this.#itemNamesAt(list) ?? []
    return names.every((name) => /^\d+$/.test(name)) ? names : []
  }

  /** The path of a property of an imported file, which uses the names of the store. */
  childOf(path: Path, name: string): Path {
    const { definition } = this.#workspace.settings
    const directory = this.isTop(path) ? this.layer.keyPrefix : `${this.keyOf(path)}/`
    const key = directory + encodeSegment(name)
    return translatedNow(() => pathOfKey(definition, key, this.layer)) ?? [...path, name]
  }

  /** How many names lead to the place where the layer is mounted. */
  get mounted(): number {
    return mountOf(this.layer).length
  }

  /** Whether a path is that of the layer as a whole. */
  isTop(path: Path): boolean {
    return path.length === this.mounted
  }

  /** The keys of the places above a path in this layer, from the top. */
  above(path: Path): readonly (readonly [depth: number, key: string])[] {
    return path
      .map((_, depth) => depth)
      .filter((depth) => depth >= this.mounted)
      .map((depth) => [depth, this.keyOf(path.slice(0, depth))] as const)
  }

  /** The keys above a path that hold something else than a document. */
  scalarsAbove(path: Path): readonly (readonly [depth: number, key: string])[] {
    return this.above(path).filter(
      ([depth, key]) => this.isThere(key) && this.#documentOf(path.slice(0, depth), key) === undefined,
    )
  }

  /** The document in a key above a path, which holds what is at the path. */
  holderOf(path: Path): Holder | undefined {
    // The key says also whether the layer has such a path at all.
    const key = this.keyOf(path)
    for (const [depth, above] of this.above(path)) {
      const document = this.#documentOf(path.slice(0, depth), above)
      if (document === undefined || this.#isMark(document, above)) continue
      const whole = key.slice(this.layer.keyPrefix.length).split('/').map(decodeURIComponent)
      return { key: above, document, names: whole.slice(depth - this.mounted) }
    }
    return undefined
  }

  /** An empty object above other keys says only that there is one: what is below it stands in those keys. */
  #isMark(document: JsonDocument, key: string): boolean {
    return document.isEmptyObject && this.#keysBelow(key.endsWith('/') ? key : `${key}/`).length > 0
  }

  /** Whether the schema has a text or another scalar at a path. */
  isText(path: Path): boolean {
    const { definition, isUntyped } = this.#workspace.settings
    return !isUntyped && kindAt(definition, path) === 'scalar'
  }

  /** The document that stands at a path itself. */
  documentIn(path: Path): Holder | undefined {
    const key = this.keyOf(path)
    const document = this.#documentOf(path, key)
    return document === undefined ? undefined : { key, document, names: [] }
  }

  /** Where the schema has a text, a text that looks like a document is none. */
  #documentOf(path: Path, key: string): JsonDocument | undefined {
    const { documents, edits } = this.#tree
    if (!this.isThere(key) || this.isText(path)) return undefined
    return documents.at(key, edits.has(key) ? edits.get(key) : this.stored(key))
  }

  /** The keys that hold what is at and below a path, without directory markers. */
  keysAt(path: Path): string[] {
    const key = this.keyOf(path)
    const directory = this.isTop(path) ? this.layer.keyPrefix : `${key}/`
    return [...new Set([...(this.isThere(key) ? [key] : []), ...this.#keysBelow(directory)])]
  }

  #keysBelow(directory: string): string[] {
    const { store } = this.#workspace.settings
    const below = [...this.#tree.keys.startingWith(directory), ...this.#tree.added.below(directory)]
    return below.filter((each) => each !== directory && this.isThere(each) && !store.isReserved(each))
  }

  /** The texts in keys below a path, and the names that lead there. */
  textsBelow(
    path: Path,
  ): readonly { readonly key: string; readonly names: readonly string[]; readonly text: string }[] {
    const directory = this.isTop(path) ? this.layer.keyPrefix : `${this.keyOf(path)}/`
    return this.#keysBelow(directory).flatMap((key) => {
      const text = this.textOf(key)
      const names = key.slice(directory.length).split('/').map(decodeURIComponent)
      return text === undefined || this.placeOf(key) === undefined ? [] : [{ key, names, text }]
    })
  }

  /** What keys below a path hold, as a file holds it. */
  treeBelow(path: Path): PlainTree {
    const texts = this.textsBelow(path).flatMap((each) => {
      const at = this.placeOf(each.key)
      return at === undefined
        ? []
        : [{ ...each, ...knownPlace(this.#workspace, { path: at, layer: this.layer }) }]
    })
    return documentTree(this.#workspace, texts)
  }

  /**
   * Whether a part of a file is joined with what the layer has at a path: items that it has by the names of keys do not go into a document
   * that has them as a list.
   */
  isJoined(path: Path, tree: PlainTree): boolean {
    if (!isJoined(this.#workspace, path, tree)) return false
    const { definition, isUntyped } = this.#workspace.settings
    if (isUntyped || kindAt(definition, path) !== 'list') return true
    return this.documentIn(path)?.document.isObjectAt([]) !== false
  }

  /** Whether a layer has something at a path, and all of it is what no text of the layer shows: an empty object, words in a list. */
  isUnshown(path: Path): boolean {
    const isWord = (at: Path | undefined, text: string | undefined) =>
      at !== undefined &&
      text !== undefined &&
      isUnshown(this.#workspace, knownPlace(this.#workspace, { path: at, layer: this.layer }).path, text)
    const holder = this.holderOf(path)
    if (holder !== undefined) {
      const part = holder.document.partAt(holder.names)
      return isEmptyObject(part ?? '') || isWord(path, part)
    }
    const own = this.keyOf(path)
    const keys = this.keysAt(path)
    const isEmpty = (key: string) => key === own && isEmptyObject(this.textOf(key) ?? '')
    return keys.length > 0 && keys.every((key) => isEmpty(key) || isWord(this.placeOf(key), this.textOf(key)))
  }

  /** The path of a key; undefined where the layer has none for it: such a key is no configuration. */
  placeOf(key: string): Path | undefined {
    const { definition } = this.#workspace.settings
    return placesOfKey(definition, key, [this.layer])[0]?.path
  }

  /**
   * The form that the layer has a value in; undefined where it has none, or a scalar, and where its keys are those of an object and
   * a list may be written as well, which they are no form for.
   */
  formAt(path: Path): WrittenForm | undefined {
    const [key, ...more] = this.keysAt(path)
    if (key === undefined) return undefined
    if (this.hasParts(path)) return this.#isOfNames(path) ? undefined : 'children'
    return more.length === 0 && this.#documentOf(path, key) !== undefined ? 'document' : undefined
  }

  /** Whether the layer has keys below a path, and none for it. */
  hasParts(path: Path): boolean {
    const [key] = this.keysAt(path)
    return key !== undefined && key !== this.keyOf(path)
  }

  /** Whether the keys below a place where a list may stand are those of an object: with all layers, some name is no number. */
  #isOfNames(path: Path): boolean {
    const { definition, isUntyped, store } = this.#workspace.settings
    if (isUntyped || !mayBeListAt(definition, path) || isListAt(definition, path)) return false
    const views = store.layers.map((layer) => new LayerView(this.#workspace, layer, this.#tree))
    return [...namesAt(views, path)].some((name) => !/^\d+$/.test(name))
  }
}
