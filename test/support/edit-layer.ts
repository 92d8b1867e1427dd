import type { ConfigDefinition } from '@livetree/core'
import { NO_KEYS } from '@livetree/core/tools'
import type { $ZodType } from 'zod/v4/core'
import { LayerEdit } from '../../packages/admin/src/change/layer-edit.ts'
import { editedTree } from '../../packages/admin/src/change/edited-tree.ts'
import { resolveAdmin } from '../../packages/admin/src/options.ts'
import type { TreeState } from '../../packages/admin/src/tree/tree-state.ts'
import { Workspace } from '../../packages/admin/src/workspace.ts'

/** The only layer of a tree below `/shop`, to be edited without a store. */
export interface EditedLayer {
  readonly workspace: Workspace
  readonly state: TreeState
  readonly edit: LayerEdit
  /** What is to happen to each key, by its whole name. */
  edits(): Readonly<Record<string, string | undefined>>
}

/** A layer that holds these keys, each without `/shop/`. */
export function editedLayer(
  definition: ConfigDefinition<$ZodType>,
  stored: Readonly<Record<string, string>> = {},
): EditedLayer {
  const store = { endpoints: 'http://127.0.0.1:1', root: '/shop' }
  const workspace = new Workspace(resolveAdmin(definition, { store }))
  const entries = new Map(
    Object.entries(stored).map(([name, value]) => [
      `/shop/${name}`,
      { key: `/shop/${name}`, value, modRevision: 1 },
    ]),
  )
  const tree = editedTree(entries)
  const [layer] = workspace.settings.store.layers
  if (layer === undefined) throw new Error('no layer')
  const edit = new LayerEdit(workspace, layer, tree)
  const edits = () => {
    edit.finish()
    return Object.fromEntries(tree.edits)
  }
  const state = { reading: { revision: 1, clusterId: 0n, entries }, others: [], keys: NO_KEYS }
  return { workspace, state, edit, edits }
}
