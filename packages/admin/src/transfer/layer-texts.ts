import { keyOfPath, placesOfKey } from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import { knownPlace, namesOf } from '../tree/known-place.ts'
import { choosePrefix, type LayerChoice } from '../tree/target-layer.ts'
import { layerWith, type TreeState } from '../tree/tree-state.ts'
import type { Workspace } from '../workspace.ts'
import type { PlacedText } from './nested-tree.ts'
import { STORED } from './stored-names.ts'

/**
 * What a layer holds, with the names from the top of the configuration: those of its first place, whichever place knows what they are.
 *
 * @param textOf what stands for the text of a key
 */
export function layerTexts(
  workspace: Workspace,
  state: TreeState,
  choice: LayerChoice,
  textOf: (key: string, text: string) => string,
): readonly PlacedText[] {
  const { definition, store } = workspace.settings
  const prefix = choosePrefix(store.layers, choice)
  const layer = layerWith(workspace, prefix)
  const mounted = mountNames(workspace, prefix)
  const texts: PlacedText[] = []
  for (const entry of state.reading.entries.values()) {
    const { key, value } = entry
    if (isNoLeaf(store, entry) || typeof value !== 'string') continue
    for (const { path } of placesOfKey(definition, key, layer === undefined ? [] : [layer])) {
      const below = key.startsWith(`${prefix}/`) ? namesOf(key.slice(prefix.length + 1)) : []
      const names = mounted.length === 0 ? below : [...mounted, ...below]
      const place = layer === undefined ? { path } : knownPlace(workspace, { path, layer })
      texts.push({ ...place, names, key, text: textOf(key, value) })
    }
  }
  return texts
}

/**
 * The names that lead to the place where a layer is mounted, the first of several: a file of the layer holds what is below
 * that, so that it may be mounted elsewhere.
 */
export function mountNames(workspace: Workspace, prefix: string): readonly string[] {
  return namesOfMount(workspace, layerWith(workspace, prefix) ?? {})
}

/** The names that lead to the place of a layer. */
export function namesOfMount(
  { settings }: Workspace,
  { at }: { readonly at?: string | undefined },
): readonly string[] {
  return at === undefined ? [] : namesOf(keyOfPath(settings.definition, at, STORED))
}

/** Whether an entry is a key of livetree's own, or the marker of a directory. */
export function isNoLeaf(store: Workspace['settings']['store'], { key, value }: StoreEntry): boolean {
  return store.isReserved(key) || (value.length === 0 && key.endsWith('/'))
}
