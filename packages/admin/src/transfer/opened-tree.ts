import { isEnvelope, isWithin, pathInDocument } from '@livetree/core/tools'
import type { TreeSecrets } from '../secrets/tree-secrets.ts'
import { bestKnown, type LayerPlace, mountOf, placesOfNames } from '../tree/known-place.ts'
import type { Workspace } from '../workspace.ts'
import type { PlainTree } from './plain-tree.ts'
import { leafTree } from './tree-leaves.ts'
import { untypedTree } from './untyped-text.ts'

/**
 * What a file holds with its envelopes opened, each at the place that an import writes it to; one that does not open stays.
 *
 * @param prefix the layer that the file is one of; undefined: any that has the place
 */
export function openedTree(
  workspace: Workspace,
  secrets: TreeSecrets,
  { tree, place }: { readonly tree: PlainTree; readonly place: readonly string[] },
  prefix: string | undefined,
): PlainTree {
  const { definition, store } = workspace.settings
  if (!definition.compiled.hasEncrypted) return tree
  const placesOf = (names: readonly string[]): readonly LayerPlace[] => {
    if (prefix !== undefined) return placesOfNames(workspace, prefix, names.slice(place.length))
    const places = store.layers.map((layer) => ({
      path: pathInDocument(definition, { path: [], layer }, names),
      layer,
    }))
    return places.filter(({ path, layer }) => isWithin(path, mountOf(layer)))
  }
  const openedAt = (names: readonly string[], envelope: string): PlainTree | undefined => {
    const places = placesOf(names)
    for (const { path, layer } of places) {
      const content = secrets.contentAt({ path, layer }, envelope)
      const known = bestKnown(workspace, places)?.path ?? path
      if (content?.form === 'text') return leafTree(workspace, known, content.text)
      if (content !== undefined) return untypedTree(content.text)
    }
    return undefined
  }
  const visit = (part: PlainTree, names: readonly string[]): PlainTree => {
    if (part.type === 'list')
      return { type: 'list', items: part.items.map((item, index) => visit(item, [...names, String(index)])) }
    if (part.type === 'object')
      return {
        type: 'object',
        parts: part.parts.map(([name, each]) => [name, visit(each, [...names, name])]),
      }
    return (isEnvelope(part.value) ? openedAt(names, part.value) : undefined) ?? part
  }
  return visit(tree, place)
}
