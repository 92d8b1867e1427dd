import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  isEncryptedAt,
  keyIdOf,
  kindAt,
  pathText,
  readingOf,
  writePart,
  writeValue,
} from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { knownPlace } from '../tree/known-place.ts'
import { prefixOf } from '../tree/tree-state.ts'
import { assertDefined, assertUtf8 } from './assert-writable.ts'
import { jsonOf, type PlainObject, type PlainTree, treeOf } from '../transfer/plain-tree.ts'
import { refusalAt, unreadReasonAt } from './refused-value.ts'
import { listedTree, type TreeOptions } from '../transfer/named-items.ts'
import { isSameJson } from '../transfer/tree-leaves.ts'
import { wordIn, wordRefused } from '../transfer/words-in-lists.ts'
import { translateError, translatedNow } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import type { EditedTree } from './edited-tree.ts'
import type { Holder } from './json-document.ts'
import { LayerView } from './layer-view.ts'
import { TreeLeaves } from './layer-leaves.ts'

/** Edits the keys of one layer, step by step, as they would be after the steps before. Nothing is stored. */
export class LayerEdit {
  readonly layer: LayerInfo
  readonly #workspace: Workspace
  readonly #tree: EditedTree
  readonly #view: LayerView
  readonly #leaves: TreeLeaves

  constructor(workspace: Workspace, layer: LayerInfo, tree: EditedTree) {
    this.#workspace = workspace
    this.layer = layer
    this.#tree = tree
    this.#view = new LayerView(workspace, layer, tree)
    this.#leaves = new TreeLeaves(workspace, this.#view)
  }

  /**
   * The path of the keys of what a path of the configuration names, which the other methods take: see `keyPathOf`.
   *
   * @throws AdminError `invalid_path`, `not_found`
   */
  keyPathOf(path: Path, use: 'set' | 'unset'): Path {
    return this.#view.keyPathOf(path, use)
  }

  /**
   * Writes a value in the form that the layer has it: a list with a key for each item keeps that form, and a document above
   * the path is edited. Everything else below the path is removed.
   *
   * @throws AdminError `invalid_path`, `invalid_value`, `unwritable_value`
   */
  set(path: Path, value: unknown): void {
    const { definition, isUntyped } = this.#workspace.settings
    assertDefined(path, value)
    if (isUntyped && typeof value !== 'string') {
      const tree = treeOf(value, path)
      this.#replace(path, [])
      this.setPart(path, tree)
      return
    }
    const holder = this.#view.holderOf(path)
    if (holder !== undefined) {
      const json = translatedNow(() => writePart(definition, path, value))
      this.#putPart(holder, path, json)
      return
    }
    const form = (at: Path) => this.#view.formAt(at)
    const leaves = translatedNow(() => writeValue(definition, path, value, { form }))
    this.#replace(
      path,
      leaves.map((leaf) => [this.#view.keyOf(leaf.path), leaf.text]),
    )
  }

  /**
   * Writes what a file holds at a path: objects are merged with what is there, also those that have the items of a list by the
   * names of their keys; everything else replaces it. In a document, which has no such names, these are a list.
   *
   * @throws AdminError `invalid_path`, `invalid_value`, `unwritable_value`
   */
  setTree(path: Path, tree: PlainTree, { isItem = false, isEdit = false }: TreeOptions = {}): void {
    const { definition } = this.#workspace.settings
    const known = knownPlace(this.#workspace, { path, layer: this.layer })
    if (known.layer !== this.layer) {
      new LayerEdit(this.#workspace, known.layer, this.#tree).setTree(known.path, tree, { isItem, isEdit })
      return
    }
    if (tree.type === 'scalar' && keyIdOf(tree.value) !== undefined && isEncryptedAt(definition, path)) {
      this.setText(path, String(tree.value))
      return
    }
    const holder = this.#view.holderOf(path)
    const isOther = !this.#view.isJoined(path, tree)
    if (!isOther) this.#unquote(holder, path)
    const isInside = holder?.document.isObjectAt(holder.names) === true
    if (holder !== undefined && (isOther || !isInside)) {
      this.#putTree(holder, path, isEdit ? tree : this.#listed(path, tree), isItem)
      return
    }
    const refusal = holder === undefined ? refusalAt(this.#workspace, path, tree) : undefined
    if (refusal !== undefined) throw translateError(refusal)
    if (isOther || tree.type !== 'object') {
      const isDocument = !isEdit && this.#view.documentIn(path) !== undefined
      this.#replace(path, this.#leaves.of(path, isDocument ? this.#listed(path, tree) : tree, isItem))
      return
    }
    const entered = holder ?? this.#view.documentIn(path) ?? this.#documentFor(path, tree)
    if (entered !== undefined) this.#enter(entered)
    for (const [name, part] of tree.parts)
      if (entered !== undefined && name === '') this.#join(entered, path, name, part)
      else this.setTree(this.#view.childOf(path, name), part, { isItem, isEdit })
    if (tree.parts.length > 0 || this.#view.isTop(path) || entered !== undefined) return
    const key = this.#view.keyOf(path)
    this.#tree.empty.set(key, path)
    this.#putEmpty(key, path)
  }

  /** An object that a document has as text is joined as others are, where instances read it as one. */
  #unquote(holder: Holder | undefined, path: Path): void {
    const { definition, isUntyped } = this.#workspace.settings
    if (isUntyped) return
    const isRead = (text: string) => readingOf(definition, path, text, true) === 'document'
    holder?.document.unquote(holder.names, isRead)
  }

  /** Writes a part of a document whose name no key can have; objects are merged. */
  #join(holder: Holder, path: Path, name: string, tree: PlainTree): void {
    const inside = { ...holder, names: [...holder.names, name] }
    const at = [...path, name]
    if (tree.type !== 'object' || !holder.document.isObjectAt(inside.names)) {
      this.#putPart(inside, at, jsonOf(tree))
      return
    }
    this.#enter(inside)
    for (const [below, part] of tree.parts) this.#join(inside, at, below, part)
  }

  /**
   * An object of which no key can hold a part becomes a document, and takes in what its keys hold.
   *
   * @throws AdminError `unwritable_value` for a layer as a whole
   */
  #documentFor(path: Path, { parts }: PlainObject): Holder | undefined {
    const { definition, isUntyped } = this.#workspace.settings
    // The names of items have no meaning in a document of their list.
    if (!isUntyped && kindAt(definition, path) === 'list') return undefined
    const reasons = parts.map(([name, part]) =>
      // No key has an empty segment.
      name === ''
        ? 'a key that ends in a slash marks a directory'
        : unreadReasonAt(this.#workspace, this.#view.childOf(path, name), part),
    )
    const at = reasons.findIndex((reason) => reason !== undefined)
    if (at < 0) return undefined
    if (this.#view.isTop(path))
      throw new AdminError('unwritable_value', {
        what: `No key of ${prefixOf(this.layer)} can hold ${JSON.stringify(parts[at]?.[0])}: ${reasons[at]}`,
        remedy:
          'Give it another name, describe it in the schema, or put it into an object, which becomes a JSON document.',
      })
    this.#replace(path, [[this.#view.keyOf(path), jsonOf(this.#view.treeBelow(path))]])
    return this.#view.documentIn(path)
  }

  /** As `setTree`, without what was there: a list takes its form from it, an object has nothing of it. */
  setPart(path: Path, tree: PlainTree, isItem = false): void {
    const holder = tree.type === 'object' ? this.#view.holderOf(path) : undefined
    // Removed first, an item of a list would leave its place to the next one.
    if (holder !== undefined) this.#putTree(holder, path, this.#listed(path, tree), isItem)
    else {
      if (tree.type === 'object' && this.#view.keysAt(path).length > 0) this.unset(path)
      this.setTree(path, tree, { isItem })
    }
  }

  /** Writes `{}` under a key, unless a key below it already implies an object. */
  #putEmpty(key: string, path: Path): void {
    if (this.#view.keysAt(path).every((each) => each === key)) this.#replace(path, [[key, '{}']])
  }

  /** Writes the text of a variable, which the schema reads; in a document above, it is quoted. */
  setText(path: Path, text: string): void {
    const holder = this.#view.holderOf(path)
    if (holder === undefined) this.#replace(path, [[this.#view.keyOf(path), text]])
    else this.#putPart(holder, path, JSON.stringify(text))
  }

  #listed(path: Path, tree: PlainTree): PlainTree {
    return listedTree(this.#workspace, { path, layer: this.layer }, tree)
  }

  /**
   * Removes everything at and below a path.
   *
   * @param given the path as the change names it, for the message
   * @throws AdminError `invalid_path`; `not_found` if the layer has nothing there
   */
  unset(path: Path, given = path): void {
    const holder = this.#view.holderOf(path)
    if (holder?.document.partAt(holder.names) !== undefined) {
      holder.document.remove(holder.names)
      this.#enter(holder)
      return
    }
    const keys = this.#view.keysAt(path)
    if (keys.length === 0)
      throw new AdminError('not_found', {
        what: `Layer ${prefixOf(this.layer)} has nothing at "${pathText(given)}"`,
        remedy: 'Look with read(): another layer or a default may give the value.',
      })
    for (const key of keys) this.putKey(key, undefined)
  }

  /** Removes what is left of an object of which a text has nothing any more: an empty one, and the words that no text has. */
  unsetLeft(path: Path): void {
    if (this.#view.isUnshown(path)) this.unset(path)
  }

  /**
   * Puts or removes one key as it is.
   *
   * @throws AdminError `unwritable_value` for what is no UTF-8 text
   */
  putKey(key: string, text: string | undefined): void {
    if (text !== undefined) assertUtf8(key, text)
    this.#tree.documents.forget(key)
    if (text !== undefined) this.#tree.put.add(key)
    const isStored = text === undefined ? !this.#tree.entries.has(key) : this.#view.stored(key) === text
    if (isStored) this.#tree.edits.delete(key)
    else {
      this.#tree.edits.set(key, text)
      if (!this.#tree.entries.has(key)) this.#tree.added.add(key)
    }
  }

  /** Writes the documents that were edited into their keys. */
  finish(): void {
    for (const [key, { text }] of this.#tree.documents.edited) this.putKey(key, text)
  }

  /** Removes every key of the layer that was not put, and what was not put inside documents. */
  prune(): void {
    const { store } = this.#workspace.settings
    for (const [key, document] of this.#tree.documents.edited)
      if (key === prefixOf(this.layer) || key.startsWith(this.layer.keyPrefix)) document.prune()
    for (const key of this.#tree.keys.startingWith(this.layer.keyPrefix))
      if (!this.#tree.put.has(key) && this.#view.isThere(key) && !store.isReserved(key)) this.#removeRead(key)
    for (const [key, path] of this.#tree.empty) this.#putEmpty(key, path)
  }

  #replace(path: Path, written: readonly (readonly [key: string, text: string])[]): void {
    const kept = new Set(written.map(([key]) => key))
    this.#clearAbove(path)
    for (const key of this.#view.keysAt(path)) if (!kept.has(key)) this.#removeRead(key)
    for (const [key, text] of written) this.putKey(key, text)
  }

  /** A key that the layer has no place for is no configuration, and stays: see `placesOfKey`. */
  #removeRead(key: string): void {
    if (this.#view.placeOf(key) !== undefined) this.putKey(key, undefined)
  }

  /**
   * A scalar above a path, such as `null`, goes: nothing below it would be read.
   *
   * @throws AdminError `unwritable_value` where the schema has just that scalar, which goes on being read
   */
  #clearAbove(path: Path): void {
    for (const [depth, key] of this.#view.scalarsAbove(path)) {
      const above = path.slice(0, depth)
      if (this.#view.isText(above))
        throw new AdminError('unwritable_value', {
          what: `The key ${key} holds the value of "${pathText(above)}", and the schema does not know "${pathText(path)}" below it`,
          remedy: 'Leave out what the schema does not know, or remove that key first.',
        })
      this.putKey(key, undefined)
    }
  }

  /** @throws AdminError also `unwritable_value` for a word that hides lower layers here, and is text there, or the other way round */
  #putTree(holder: Holder, path: Path, tree: PlainTree, isItem: boolean): void {
    const word = this.#workspace.settings.isUntyped ? undefined : wordIn(tree)
    if (word !== undefined && isItem !== holder.document.isInList(holder.names)) throw wordRefused(path, word)
    this.#putPart(holder, path, jsonOf(tree))
  }

  #putPart(holder: Holder, path: Path, json: string): void {
    const { document, names } = holder
    const part = document.partAt(names)
    // What says the same stays as it is written.
    const isSame = part !== undefined && isSameJson(part, json)
    if (!document.put(names, isSame ? part : json))
      throw new AdminError('invalid_path', {
        what: `The document in ${holder.key} has no place for "${pathText(path)}"`,
        remedy: 'Set the list or object above it as a whole.',
      })
    this.#enter(holder)
  }

  /** Marks a document as edited at a place, so that `prune` removes what is not put there. */
  #enter({ key, document, names }: Holder): void {
    document.enter(names)
    this.#tree.documents.edit(key)
    this.#tree.put.add(key)
  }
}
