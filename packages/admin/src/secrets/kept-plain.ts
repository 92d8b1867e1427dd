import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { isAlong, isEncryptedAt, pathInDocument, pathText } from '@livetree/core/tools'
import { eachScalar, type PlainTree } from '../transfer/plain-tree.ts'
import { prefixOf, type TreeState } from '../tree/tree-state.ts'
import type { Workspace } from '../workspace.ts'
import { assertClear, plainPlaces } from './plain-places.ts'
import { type ChangePart, isPlain, PartMapper, secretPlaces } from './secret-parts.ts'

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
  readonly #unclear: readonly Path[]
  readonly #stored: readonly PlacedSecret[]

  constructor(workspace: Workspace, state: TreeState, layer: LayerInfo) {
    this.#workspace = workspace
    this.#layer = layer
    const { plaintext, unclear } = plainPlaces(workspace, state, { layer: prefixOf(layer) })
    this.#places = plaintext
    this.#unclear = unclear
    this.#stored = plainTexts(workspace, state, prefixOf(layer))
  }

  /**
   * Goes by the places of what stayed where it was, and by the texts of the others: an item may have moved.
   *
   * @throws AdminError `secret_text` for a text of which only a part is in plain text, and for one that has moved and stands
   *   there both in plain text and encrypted
   */
  in({ path, before, after }: EditedPart): readonly Path[] {
    if (this.#places.length === 0) return []
    assertClear(this.#unclear, [path])
    const stored = new Set(this.#stored.filter((each) => isAlong(each.path, path)).map(({ text }) => text))
    const sealed = new Set<string>()
    const textsAt = new Map<string, string>()
    for (const { path: place, text } of this.#scalarsOf(path, before)) {
      textsAt.set(pathText(place), text)
      if (!this.#isPlainAt(place)) sealed.add(text)
    }
    return this.#scalarsOf(path, after)
      .filter(({ path: place, text }) => {
        if (!stored.has(text)) return false
        if (textsAt.get(pathText(place)) === text) return this.#isPlainAt(place)
        if (sealed.has(text)) assertClear([place], [path])
        return true
      })
      .map((scalar) => scalar.path)
  }

  #isPlainAt(place: Path): boolean {
    return this.#places.some((each) => isAlong(each, place))
  }

  #scalarsOf(top: Path, tree: PlainTree): readonly PlacedSecret[] {
    const { definition } = this.#workspace.settings
    const found: PlacedSecret[] = []
    eachScalar(tree, [], ({ text }, names) => {
      const path = pathInDocument(definition, { path: top, layer: this.#layer }, names)
      if (isEncryptedAt(definition, path)) found.push({ path, text })
    })
    return found
  }
}

/** A text at an encrypted place. */
interface PlacedSecret {
  readonly path: Path
  readonly text: string
}

/** The texts of a layer that should be envelopes, and their places by the names of keys. */
function plainTexts(workspace: Workspace, { reading }: TreeState, prefix: string): readonly PlacedSecret[] {
  const found: PlacedSecret[] = []
  const take: ChangePart = (at, written) => {
    if (isPlain(at)) found.push(...at.places.map(({ path }) => ({ path, text: at.text })))
    return written
  }
  const mapper = new PartMapper(workspace.settings.definition, () => true, take)
  for (const { key, value } of reading.entries.values())
    if (typeof value === 'string' && (key === prefix || key.startsWith(`${prefix}/`)))
      mapper.map(secretPlaces(workspace, key, value), value)
  return found
}
