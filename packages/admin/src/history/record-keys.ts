import { prefixOf } from '../tree/tree-state.ts'
import type { Workspace } from '../workspace.ts'

/** Where the records of a layer are kept. */
export class RecordKeys {
  /** The prefix of the layer, without a slash at its end. */
  readonly prefix: string
  readonly #directory: string

  /**
   * @param operationsPrefix without a slash at its end
   * @param prefix of the layer, without a slash at its end
   */
  constructor(operationsPrefix: string, prefix: string) {
    this.prefix = prefix
    this.#directory = `${operationsPrefix}/history${prefix}/`
  }

  get directory(): string {
    return this.#directory
  }

  /**
   * All records of this layer: the ids begin with the time, whose first digit is 0 for the next eight thousand years. It also
   * holds those of layers inside the prefix whose next name begins with 0; `idOf` tells them apart.
   */
  get range(): { readonly from: string; readonly to: string } {
    return { from: `${this.#directory}0`, to: `${this.#directory}1` }
  }

  keyOf(id: string): string {
    return this.#directory + id
  }

  /** The id in a key of the range; undefined for a key of another layer. */
  idOf(key: string): string | undefined {
    const id = key.slice(this.#directory.length)
    return key.startsWith(this.#directory) && !id.includes('/') ? id : undefined
  }
}

/** The histories of the layers of a store. */
export function historiesOf({ settings }: Workspace): readonly RecordKeys[] {
  const { operationsPrefix, store } = settings
  const prefixes = [...new Set(store.layers.map(prefixOf))]
  return prefixes.map((prefix) => new RecordKeys(operationsPrefix, prefix))
}
