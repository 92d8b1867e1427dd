import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { isAlong, isEncryptedAt, isWithin, pathInDocument, pathText, readingOf } from '@livetree/core/tools'
import { layerTexts } from '../transfer/layer-texts.ts'
import { nestedTree } from '../transfer/nested-tree.ts'
import { parseJson } from '../transfer/parse-json.ts'
import { eachLeaf, jsonOf, partsOf, type PlainTree } from '../transfer/plain-tree.ts'
import { prefixOf, type TreeState } from '../tree/tree-state.ts'
import { opener } from '../transfer/whole-texts.ts'
import type { Workspace } from '../workspace.ts'
import { assertClear, layerMarks } from './plain-places.ts'

/** What a text of a layer had at a path, and has after somebody edited it. */
export interface EditedPart {
  readonly path: Path
  readonly before: PlainTree
  readonly after: PlainTree
}

/**
 * The places of edited lists, from their own path on, of which the text stands in the store in plain text where an envelope is asked
 * for, and that nobody has edited. A list is written as a whole: what is beside an edited item is not what the person wrote.
 */
export class KeptPlain {
  readonly #workspace: Workspace
  readonly #layer: LayerInfo
  readonly #places: readonly Path[]
  readonly #stored: readonly PlacedLeaf[]

  constructor(workspace: Workspace, state: TreeState, layer: LayerInfo) {
    this.#workspace = workspace
    this.#layer = layer
    const { definition } = workspace.settings
    const texts = layerTexts(workspace, state, { layer: prefixOf(layer) }, opener(workspace, state))
    this.#places = layerMarks(workspace, state, { texts, above: 0 }).map((mark) =>
      pathInDocument(definition, { path: [], layer }, mark),
    )
    this.#stored = this.#places.length === 0 ? [] : this.#leavesOf([], nestedTree(workspace, texts))
  }

  /**
   * Goes by the places of what stayed where it was, and by the texts of the others: an item may have moved.
   *
   * @throws AdminError `secret_text` for what has changed in the store and not in the text, and for a text that has moved and stands
   *   there both in plain text and encrypted
   */
  in({ path, before, after }: EditedPart): readonly Path[] {
    if (this.#places.length === 0) return []
    const stored = new Map(this.#stored.map((leaf) => [pathText(leaf.path), leaf.text]))
    const given = new Map(this.#leavesOf(path, before).map((leaf) => [pathText(leaf.path), leaf.text]))
    const inside = this.#stored.filter((leaf) => isWithin(leaf.path, path))
    const isPlain = (leaf: PlacedLeaf) => this.#placesAlong(leaf.path).length > 0
    const plain = new Set(inside.filter(isPlain).map(({ text }) => text))
    const sealed = new Set(inside.filter((leaf) => !isPlain(leaf)).map(({ text }) => text))
    return this.#leavesOf(path, after).flatMap((leaf) => {
      const { path: place, text } = leaf
      if (stored.get(pathText(place)) === text) return this.#placesAlong(place)
      if (given.get(pathText(place)) === text) assertClear(this.#placesAlong(place), [place])
      if (!plain.has(text)) return []
      if (sealed.has(text)) assertClear([place], [path])
      return [place]
    })
  }

  #placesAlong(place: Path): readonly Path[] {
    return this.#places.filter((each) => isAlong(each, place))
  }

  /** The leaves of a tree that are encrypted or should be, also those of JSON that an instance reads in a text. */
  #leavesOf(top: Path, tree: PlainTree): readonly PlacedLeaf[] {
    const { definition } = this.#workspace.settings
    const found: PlacedLeaf[] = []
    eachLeaf(tree, [], (leaf, names) => {
      const path = pathInDocument(definition, { path: top, layer: this.#layer }, names)
      const text = leaf.type === 'scalar' ? leaf.text : jsonOf(leaf)
      const inside = leaf.type === 'scalar' ? parseJson(text) : undefined
      const isRead = inside !== undefined && partsOf(inside).length > 0
      if (isRead && readingOf(definition, path, text, true) !== undefined)
        found.push(...this.#leavesOf(path, inside))
      else if (isEncryptedAt(definition, path)) found.push({ path, text })
    })
    return found
  }
}

/** A leaf at an encrypted place. */
interface PlacedLeaf {
  readonly path: Path
  readonly text: string
}
