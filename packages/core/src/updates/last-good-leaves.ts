import { itemAt } from '../item-at.ts'
import type { Leaf, PatchUpdate, ReplaceUpdate } from '../source/source.ts'

type Changes = PatchUpdate['changes']

/** The raw leaves of one layer, by path. */
interface LayerLeaves {
  readonly staged: Map<string, Leaf>
  /** By path, for each leaf written since the last good state: the leaf in that state; undefined if there was none. */
  readonly before: Map<string, Leaf | undefined>
}

/**
 * The raw leaves of one source: the staged ones, and what each leaf written since the last good state was in that state, so
 * that the good state can be restored while the staged one is invalid. Created only if a snapshot is written to disk, or a
 * fallback may be needed at startup.
 */
export class LastGoodLeaves {
  readonly #layers: readonly LayerLeaves[]

  constructor(layerCount: number) {
    this.#layers = Array.from({ length: layerCount }, () => ({ staged: new Map(), before: new Map() }))
  }

  replace(update: ReplaceUpdate): void {
    update.layers.forEach((leaves, layer) => {
      const gone = new Set(itemAt(this.#layers, layer).staged.keys())
      for (const leaf of leaves) {
        gone.delete(leaf.path)
        this.#write(layer, leaf)
      }
      for (const path of gone) this.#write(layer, { path, value: undefined, revision: 0 })
    })
  }

  patch(changes: Changes): void {
    for (const { layer, leaf } of changes) this.#write(layer, leaf)
  }

  /** The staged leaves, as the source gave them. */
  leaves(): readonly (readonly Leaf[])[] {
    return this.#layers.map(({ staged }) => [...staged.values()])
  }

  /** The staged leaves are the good ones now. */
  accept(): void {
    for (const { before } of this.#layers) before.clear()
  }

  /** Returns the changes from the staged leaves to the good ones, and the reverse; both empty if they are equal. */
  difference(): { readonly back: Changes; readonly forth: Changes } {
    const back: Changes[number][] = []
    const forth: Changes[number][] = []
    this.#layers.forEach(({ staged, before }, layer) => {
      for (const [path, leaf] of before) {
        const gone = { path, value: undefined, revision: 0 }
        back.push({ layer, leaf: leaf ?? gone })
        forth.push({ layer, leaf: staged.get(path) ?? gone })
      }
    })
    return { back, forth }
  }

  #write(layer: number, leaf: Leaf): void {
    const { staged, before } = itemAt(this.#layers, layer)
    const old = staged.get(leaf.path)
    if (old !== undefined && old.value === leaf.value && old.revision === leaf.revision) return
    if (!before.has(leaf.path)) before.set(leaf.path, old)
    if (leaf.value === undefined) staged.delete(leaf.path)
    else staged.set(leaf.path, leaf)
  }
}
