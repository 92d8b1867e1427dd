import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { isAlong, isWithin, pathInDocument, placesOfKey } from '@livetree/core/tools'
import { mountOf } from '../tree/known-place.ts'
import type { Workspace } from '../workspace.ts'

/**
 * Paths in layers, from their mounts on. What a key holds is compared with them at each place of its layer: the schema may know its
 * names at one of these alone.
 */
export class LayerPaths {
  readonly #workspace: Workspace
  readonly #paths: { readonly keyPrefix: string; readonly below: Path }[] = []

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  add(layer: LayerInfo, paths: readonly Path[]): void {
    const { length } = mountOf(layer)
    for (const path of paths) this.#paths.push({ keyPrefix: layer.keyPrefix, below: path.slice(length) })
  }

  /** Whether one of them leads to names in the text of a key, or these lead to it. */
  hasAlong(key: string, names: readonly string[]): boolean {
    return this.#some(key, names, isAlong)
  }

  /** Whether one of them is below names in the text of a key. */
  hasBelow(key: string, names: readonly string[]): boolean {
    return this.#some(key, names, (path, top) => path.length > top.length && isWithin(path, top))
  }

  #some(key: string, names: readonly string[], isMeant: (path: Path, place: Path) => boolean): boolean {
    if (this.#paths.length === 0) return false
    const { definition, store } = this.#workspace.settings
    return placesOfKey(definition, key, store.layers).some(({ path, layer: at }) => {
      const layer = store.layers[at]
      if (layer === undefined) return false
      const place = pathInDocument(definition, { path, layer }, names).slice(mountOf(layer).length)
      return this.#paths.some(
        ({ keyPrefix, below }) => keyPrefix === layer.keyPrefix && isMeant(below, place),
      )
    })
  }
}
