import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { isAlong, parsePathText, pathText } from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import { comparePaths } from '../compare-paths.ts'
import { AdminError } from '../errors.ts'
import { prefixOf } from '../tree/tree-state.ts'
import type { Workspace } from '../workspace.ts'
import { editedTree } from './edited-tree.ts'
import { LayerView } from './layer-view.ts'

type Entries = ReadonlyMap<string, StoreEntry>

/** What a path names in one layer. */
export interface PlaceOfKeys {
  /** As it was given: an index is the place of an item in its list. */
  readonly path: Path
  /** With the names of the keys. */
  readonly keys: Path
  /** It is inside a document now, or was and has no key now: a key of this name is that of something else. */
  readonly isInside: boolean
}

/**
 * What paths name in each layer, then and now. Where that is not the same, a key of another item would be restored.
 *
 * @param prefix the only layer that counts; undefined: all of them
 */
export class RollbackPlaces {
  readonly #workspace: Workspace
  readonly #then: Entries
  readonly #byLayer: readonly (readonly PlaceOfKeys[])[]

  /** @throws AdminError `invalid_path` for an item that had another key then, and where a list or names may be meant */
  constructor(
    workspace: Workspace,
    paths: readonly Path[],
    {
      earlier,
      now,
      prefix,
    }: { readonly earlier: Entries; readonly now: Entries; readonly prefix: string | undefined },
  ) {
    this.#workspace = workspace
    this.#then = earlier
    const each = paths.toSorted(comparePaths)
    this.#byLayer = workspace.settings.store.layers.map((layer) =>
      prefix === undefined || prefixOf(layer) === prefix
        ? each.flatMap((path) => this.#placesIn(layer, path, now))
        : [],
    )
  }

  /** Those of a layer, in the order of the paths. */
  in(layer: number): readonly PlaceOfKeys[] {
    return this.#byLayer[layer] ?? []
  }

  /**
   * What was an item of a list then has to be that item again.
   *
   * @throws AdminError `invalid_path`
   */
  assertRestored(after: Entries): void {
    for (const [at, layer] of this.#workspace.settings.store.layers.entries())
      for (const { path } of this.in(at)) {
        const was = this.#viewOf(layer, this.#then).knownKeyPathOf(path)
        const is = this.#viewOf(layer, after).knownKeyPathOf(path)
        if (was !== undefined && pathText(was) !== (is && pathText(is))) throw otherItem(path, was)
      }
  }

  #placesIn(layer: LayerInfo, path: Path, now: Entries): readonly PlaceOfKeys[] {
    if (!isAlong(path, layer.at === undefined ? [] : parsePathText(layer.at))) return []
    const [before, after] = [this.#viewOf(layer, this.#then), this.#viewOf(layer, now)]
    const [was, is] = [before.knownKeyPathOf(path), after.knownKeyPathOf(path)]
    const keys = is ?? was
    if (keys === undefined) return []
    const inside = is && heldInside(after, is)
    const hadKeys = was && heldInside(before, was) === undefined && before.keysAt(was).length > 0
    if (inside !== undefined && hadKeys === true) throw otherForm(path, inside)
    if (was !== undefined && pathText(was) !== pathText(keys)) throw otherItem(path, keys)
    // The keys of the item now may have been those of another one then.
    if (was === undefined && inside === undefined && before.keysAt(keys).length > 0)
      throw otherItem(path, keys)
    const isInside = is === undefined ? was && heldInside(before, was) : inside
    return [{ path, keys, isInside: isInside !== undefined }]
  }

  #viewOf(layer: LayerInfo, entries: Entries): LayerView {
    return new LayerView(this.#workspace, layer, editedTree(entries))
  }
}

/** The key of the document that has a path in it. */
function heldInside(view: LayerView, path: Path): string | undefined {
  return path.length > 0 && path.length > view.mounted ? view.holderOf(path)?.key : undefined
}

function otherForm(path: Path, key: string): AdminError {
  return new AdminError('invalid_path', {
    what: `"${pathText(path)}" is stored inside ${key}, and had keys of its own then: it cannot be rolled back without the rest of that`,
    remedy: 'Give `only` the path of that key.',
  })
}

function otherItem(path: Path, keys: Path): AdminError {
  return new AdminError('invalid_path', {
    what: `"${pathText(path)}" has not the same keys then and now, or the keys ${pathText(keys)} were another item of the list: restored alone, another item would be restored`,
    remedy: 'Give `only` the path of the list.',
  })
}
