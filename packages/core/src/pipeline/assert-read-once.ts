import { LivetreeError } from '../errors.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import type { LayerInfo } from '../source/source.ts'
import { isWithin } from '../path-relation.ts'
import type { NamedLayer } from './issue-writer.ts'
import { mountOf } from './mount.ts'
import { pathText } from '../format/path-text.ts'
import { TreeNode } from './tree-node.ts'
import { TreePlaces } from './tree-place.ts'

/**
 * Checks that no two layers of a source bring a key to the same place: it would count twice for the guard, and a removal
 * would need both of their permissions.
 *
 * @throws LivetreeError `invalid_options`, with the two layers and the place
 */
export function assertReadOnce(
  schemaNode: SchemaNode,
  layers: readonly NamedLayer[],
  options: { readonly isRenamed: boolean },
): void {
  const places = new TreePlaces(schemaNode, new TreeNode(''), layers, options)
  for (const [outer, layer] of layers.entries()) {
    if (!isDirectory(layer)) continue
    for (const [inner, other] of layers.entries()) {
      const isInside =
        inner !== outer && other.source === layer.source && other.keyPrefix.startsWith(layer.keyPrefix)
      // of two at the same directory each is inside the other
      if (!isInside || (other.keyPrefix === layer.keyPrefix && inner < outer)) continue
      const place = places.place(outer, directoryBelow(layer, other))
      if (typeof place === 'string' || !isSame(place.trail.names, mountOf(other))) continue
      throw new LivetreeError('invalid_options', message(layer, other))
    }
  }
}

function isDirectory({ separator, naming, keyPrefix }: LayerInfo): boolean {
  return separator === '/' && naming === 'stored' && keyPrefix.endsWith('/')
}

/** The directory of the inner layer as a path of the outer one. */
function directoryBelow(outer: LayerInfo, inner: LayerInfo): string {
  return inner.keyPrefix.slice(outer.keyPrefix.length).replace(/\/$/, '')
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && isWithin(one, other)
}

function message(outer: NamedLayer, inner: NamedLayer): string {
  const place = pathText(mountOf(inner))
  const at = place === '' ? 'the top of the schema' : `"${place}"`
  return `The layers ${outer.name} and ${inner.name} both read the keys below ${inner.keyPrefix} at ${at}. Leave out ${inner.name}, or mount one of them elsewhere.`
}
