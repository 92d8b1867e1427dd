import type { Path } from '@livetree/core'
import { encodeSegment, isSecretAt, isTextOpenAt, kindAt, pathOfKey } from '@livetree/core/tools'
import { knownPlace, placesOfNames } from '../tree/known-place.ts'
import { layerWith } from '../tree/tree-state.ts'
import type { Workspace } from '../workspace.ts'
import { mountNames } from './layer-texts.ts'
import { STORED } from './stored-names.ts'

/** What the schema says of the names of one side of a comparison. */
export class SidePlaces {
  readonly #workspace: Workspace
  readonly #prefix: string | undefined
  readonly #mounted: number

  /** @param prefix the layer that the side is of; undefined: a whole configuration */
  constructor(workspace: Workspace, prefix: string | undefined) {
    this.#workspace = workspace
    this.#prefix = prefix
    this.#mounted = prefix === undefined ? 0 : mountNames(workspace, prefix).length
  }

  /** Names as the schema has them, of names as files and stores have them; as they are where the schema has none. */
  pathOf(names: readonly string[]): Path {
    const path = this.#ownPathOf(names)
    const layer = layerWith(this.#workspace, this.#prefix)
    return layer === undefined ? path : knownPlace(this.#workspace, { path, layer }).path
  }

  isList(names: readonly string[]): boolean {
    const { definition, isUntyped } = this.#workspace.settings
    return !isUntyped && kindAt(definition, this.pathOf(names)) === 'list'
  }

  /** Whether what stands there may be shown to anyone: a layer may be mounted where it is a secret, and where it is none. */
  isOpen(names: readonly string[]): boolean {
    const { definition, isUntyped } = this.#workspace.settings
    if (isUntyped) return true
    const isHiding = (path: Path) =>
      !isTextOpenAt(definition, path) &&
      (kindAt(definition, path) !== undefined || isSecretAt(definition, path))
    return (
      isTextOpenAt(definition, this.pathOf(names)) &&
      !this.#placesOf(names).some(({ path }) => isHiding(path))
    )
  }

  #placesOf(names: readonly string[]): readonly { readonly path: Path }[] {
    return this.#prefix === undefined
      ? []
      : placesOfNames(this.#workspace, this.#prefix, names.slice(this.#mounted))
  }

  #ownPathOf(names: readonly string[]): Path {
    const key = names.map(encodeSegment).join('/')
    try {
      return pathOfKey(this.#workspace.settings.definition, key, STORED) ?? names
    } catch {
      return names
    }
  }
}
