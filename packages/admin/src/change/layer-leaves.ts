import type { Path } from '@livetree/core'
import { coverOf, isEncryptedAt, kindAt } from '@livetree/core/tools'
import { isSameWithoutWords } from '../transfer/json-lists.ts'
import { jsonOf, type PlainTree } from '../transfer/plain-tree.ts'
import { isSameText, treeLeaves } from '../transfer/tree-leaves.ts'
import type { Workspace } from '../workspace.ts'
import type { LayerView } from './layer-view.ts'

/** What is written of a part of a file, in the form that a layer has it. */
export class TreeLeaves {
  readonly #workspace: Workspace
  readonly #view: LayerView

  constructor(workspace: Workspace, view: LayerView) {
    this.#workspace = workspace
    this.#view = view
  }

  /** The keys and texts to write. A stored text that reads as the same value is kept: `+1` for `1`, or other whitespace. */
  of(path: Path, tree: PlainTree, isItem: boolean): readonly (readonly [key: string, text: string])[] {
    const leaves = treeLeaves(this.#workspace, path, tree, { form: (at) => this.#view.formAt(at), isItem })
    const isWhole = leaves.some((leaf) => leaf.path.length === path.length)
    // What the schema takes as text alone is no value of the file: each part is, where the layer has a key for each.
    const isInParts = tree.type === 'list' ? this.#isListOfKeys(path, tree) : this.#view.hasParts(path)
    const parts = isWhole && isInParts ? this.#partsOf(path, tree) : []
    if (parts.length > 0) {
      const isList = tree.type === 'list'
      const written = parts.flatMap(([at, part]) => this.of(at, part, isItem || isList))
      return isList ? this.#withWords(path, written) : written
    }
    return leaves.map((leaf) => {
      const key = this.#view.keyOf(leaf.path)
      const stored = this.#view.textOf(key)
      const isSame =
        stored !== undefined &&
        (isSameText(this.#workspace, leaf.path, stored, leaf.text) ||
          (isItem && !this.#view.isText(leaf.path) && isSameWithoutWords(stored, leaf.text)))
      return [key, isSame ? stored : leaf.text]
    })
  }

  /** At a place of `z.json()` another list than that of the keys is a document. */
  #isListOfKeys(path: Path, tree: PlainTree): boolean {
    const { definition, isUntyped } = this.#workspace.settings
    if (this.#view.formAt(path) !== 'children') return false
    if (isUntyped || kindAt(definition, path) !== 'json' || isEncryptedAt(definition, path)) return true
    return jsonOf(this.#view.treeBelow(path)) === jsonOf(tree)
  }

  /** What is written to the keys of a list, with the words there: they remove nothing of the list, and leave as they are what else it has. */
  #withWords(
    list: Path,
    written: readonly (readonly [key: string, text: string])[],
  ): readonly (readonly [key: string, text: string])[] {
    const isTaken = (key: string) =>
      written.some(([each]) => `${each}/`.startsWith(`${key}/`) || key.startsWith(`${each}/`))
    const words = this.#view.keysAt(list).flatMap((key): readonly (readonly [string, string])[] => {
      const text = this.#view.textOf(key)
      return text !== undefined && coverOf(text) === 'remove' && !isTaken(key) ? [[key, text]] : []
    })
    return [...written, ...words]
  }

  #partsOf(path: Path, tree: PlainTree): readonly (readonly [path: Path, part: PlainTree])[] {
    if (tree.type === 'list') {
      const names = this.#view.numbersAt(path)
      const isKept = names.length === tree.items.length
      return tree.items.map((item, index) => [[...path, (isKept && names[index]) || String(index)], item])
    }
    return tree.type === 'object'
      ? tree.parts.map(([name, part]) => [this.#view.childOf(path, name), part])
      : []
  }
}
