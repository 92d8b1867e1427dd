import type { Path } from '@livetree/core'
import { placesOfKey } from '@livetree/core/tools'
import { Judge } from '../tree/judge.ts'
import { choosePrefix, type LayerChoice } from '../tree/target-layer.ts'
import { prefixOf, type TreeState } from '../tree/tree-state.ts'
import type { Workspace } from '../workspace.ts'
import { TreeSecrets } from './tree-secrets.ts'

/**
 * The places that the store has in plain text where the schema asks for an envelope: whoever can write the store may have put
 * it there, and who takes it over is not who says that it is to be encrypted.
 *
 * @param choice the layer that is taken over; undefined: the whole tree, of which a place has the text of its highest layer
 */
export function plainPlaces(
  workspace: Workspace,
  state: TreeState,
  choice: LayerChoice | undefined,
): readonly Path[] {
  const { definition, store } = workspace.settings
  const secrets = new TreeSecrets(workspace, state.keys)
  const prefix = choice === undefined ? undefined : choosePrefix(store.layers, choice)
  const layers = store.layers.filter((layer) => prefix === undefined || prefixOf(layer) === prefix)
  const found: { readonly key: string; readonly path: Path }[] = []
  for (const { key, value } of state.reading.entries.values())
    if (typeof value === 'string' && placesOfKey(definition, key, layers).length > 0)
      found.push(...secrets.plainIn(key, value).map((path) => ({ key, path })))
  const paths = found.map(({ path }) => path)
  if (prefix !== undefined || found.length === 0) return paths
  const judge = new Judge(workspace, state, { isGuarded: false })
  judge.judge(state.reading.entries)
  return found
    .filter(({ key, path }) => judge.explain(path).layers[0]?.origin.key === key)
    .map(({ path }) => path)
}
