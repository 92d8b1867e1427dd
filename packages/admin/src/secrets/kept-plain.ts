import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { isAlong, isEncryptedAt, isWithin, pathText, readingOf } from '@livetree/core/tools'
import { layerTexts, namesOfMount } from '../transfer/layer-texts.ts'
import { nestedTree } from '../transfer/nested-tree.ts'
import { parseJson } from '../transfer/parse-json.ts'
import { eachLeaf, jsonOf, partsOf, type PlainTree } from '../transfer/plain-tree.ts'
import { knownPlaceOf, mountOf, placesOfNames } from '../tree/known-place.ts'
import { prefixOf, type TreeState } from '../tree/tree-state.ts'
import { opener } from '../transfer/whole-texts.ts'
import type { Workspace } from '../workspace.ts'
import { assertClear, layerMarks } from './plain-places.ts'

/** What a text of a layer had by these names, and has after somebody edited it. */
export interface EditedPart {
  readonly names: readonly string[]
  readonly before: PlainTree
  readonly after: PlainTree
}

/**
 * The places of edited lists, from the mount of the layer on, of which the text stands in the store in plain text where an envelope is asked
 * for, and that nobody has edited. A list is written as a whole: what is beside an edited item is not what the person wrote.
 */
export class KeptPlain {
  readonly #workspace: Workspace
  readonly #layer: LayerInfo
  readonly #places: readonly Path[]
  readonly #stored: readonly PlacedLeaf[]

  /** @param layer the first of its prefix, whose other places count as well */
  constructor(workspace: Workspace, state: TreeState, layer: LayerInfo) {
    this.#workspace = workspace
    this.#layer = layer
    const above = namesOfMount(workspace, layer).length
    const texts = layerTexts(workspace, state, { layer: prefixOf(layer) }, opener(workspace, state)).map(
      (each) => ({ ...each, names: each.names.slice(above) }),
    )
    this.#places = layerMarks(workspace, state, { texts, above: 0 }).map((mark) => this.#placeOf(mark))
    this.#stored = this.#places.length === 0 ? [] : this.#leavesOf([], nestedTree(workspace, texts))
  }

  /**
   * Goes by the places of what stayed where it was, and by the texts of the others: an item may have moved.
   *
   * @throws AdminError `secret_text` for what has changed in the store and not in the text, and for a text that has moved and stands
   *   there both in plain text and encrypted
   */
  in({ names, before, after }: EditedPart): readonly Path[] {
    if (this.#places.length === 0) return []
    const top = this.#placeOf(names)
    const stored = new Map(this.#stored.map((leaf) => [pathText(leaf.path), leaf.text]))
    const given = new Map(this.#leavesOf(names, before).map((leaf) => [pathText(leaf.path), leaf.text]))
    const inside = this.#stored.filter((leaf) => isWithin(leaf.path, top))
    const isPlain = (leaf: PlacedLeaf) => this.#placesAlong(leaf.path).length > 0
    const plain = new Set(inside.filter(isPlain).map(({ text }) => text))
    const sealed = new Set(inside.filter((leaf) => !isPlain(leaf)).map(({ text }) => text))
    return this.#leavesOf(names, after).flatMap((leaf) => {
      const { path: place, text } = leaf
      if (stored.get(pathText(place)) === text) return this.#placesAlong(place)
      if (given.get(pathText(place)) === text) assertClear(this.#placesAlong(place), [place])
      if (!plain.has(text)) return []
      if (sealed.has(text)) assertClear([place], [top])
      return [place]
    })
  }

  #placesAlong(place: Path): readonly Path[] {
    return this.#places.filter((each) => isAlong(each, place))
  }

  /** Names of the text as the schema has them. */
  #placeOf(names: readonly string[]): Path {
    const { path, layer } = knownPlaceOf(this.#workspace, this.#layer, names)
    return path.slice(mountOf(layer).length)
  }

  /** The leaves of a tree that any place has as encrypted, or to be, also those of JSON that an instance reads in a text. */
  #leavesOf(top: readonly string[], tree: PlainTree): readonly PlacedLeaf[] {
    const { definition } = this.#workspace.settings
    const found: PlacedLeaf[] = []
    eachLeaf(tree, top, (leaf, names) => {
      const places = placesOfNames(this.#workspace, prefixOf(this.#layer), names)
      const text = leaf.type === 'scalar' ? leaf.text : jsonOf(leaf)
      const inside = leaf.type === 'scalar' ? parseJson(text) : undefined
      const isRead = inside !== undefined && partsOf(inside).length > 0
      if (isRead && places.some(({ path }) => readingOf(definition, path, text, true) !== undefined))
        found.push(...this.#leavesOf(names, inside))
      else if (places.some(({ path }) => isEncryptedAt(definition, path)))
        found.push({ path: this.#placeOf(names), text })
    })
    return found
  }
}

/** A leaf at an encrypted place. */
interface PlacedLeaf {
  readonly path: Path
  readonly text: string
}
