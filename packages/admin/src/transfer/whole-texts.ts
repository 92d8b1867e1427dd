import { pathText, writeValue } from '@livetree/core/tools'
import { TreeSecrets } from '../secrets/tree-secrets.ts'
import { namesOf } from '../tree/known-place.ts'
import { prefixOf, type TreeState } from '../tree/tree-state.ts'
import { viewTree } from '../tree/tree-view.ts'
import { translatedNow } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import { layerTexts } from './layer-texts.ts'
import type { PlacedText } from './nested-tree.ts'

/** The text of a key as it is stored. */
export function asStored(_key: string, text: string): string {
  return text
}

/** Opens the envelopes in the texts of a layer, as far as keys allow. */
export function opener(workspace: Workspace, { keys }: TreeState): (key: string, text: string) => string {
  const secrets = new TreeSecrets(workspace, keys)
  return (key, text) => secrets.open(key, text)
}

/** The value of all layers and sources, as keys would hold it; without a schema, what the highest layer holds at each place. */
export function wholeTexts(workspace: Workspace, state: TreeState): readonly PlacedText[] {
  const { isUntyped, store } = workspace.settings
  if (isUntyped) {
    const byPath = new Map<string, PlacedText>()
    for (const layer of store.layers)
      for (const each of layerTexts(workspace, state, { layer: prefixOf(layer) }, asStored))
        byPath.set(pathText(each.path), each)
    return [...byPath.values()]
  }
  const { value } = viewTree<unknown>(workspace, state)
  return writtenTexts(workspace, value)
}

/** A whole value as keys would hold it. */
export function writtenTexts({ settings }: Workspace, value: unknown): readonly PlacedText[] {
  const leaves = translatedNow(() => writeValue(settings.definition, '', value))
  return leaves.map((leaf) => ({ ...leaf, names: namesOf(leaf.key) }))
}
