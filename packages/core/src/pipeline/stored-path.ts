import { environmentName } from '../schema/naming.ts'
import { lowerCase, upperCase } from '../schema/letter-case.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { schemaNodeAt } from '../schema/describe.ts'
import { keysByEnvironment, propertyOf } from '../schema/property-name.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import type { LayerInfo } from '../source/source.ts'
import { encodeSegment } from '../format/key-segment.ts'
import { mountOf } from './mount.ts'

/**
 * The path of a leaf as its layer writes it: the way back from the schema's names, relative to where the layer is mounted.
 * Empty for that place itself and for what lies above it.
 */
export function storedPath(schemaNode: SchemaNode, path: readonly PropertyKey[], layer: LayerInfo): string {
  const mount = mountOf(layer)
  let at = schemaNodeAt(schemaNode, mount)
  const segments: string[] = []
  for (const key of path.slice(mount.length)) {
    const name = String(key)
    segments.push(layerName(name, at, layer))
    at = at === undefined ? undefined : childSchemaNode(at, name)
  }
  return segments.join(layer.separator)
}

function layerName(name: string, parent: SchemaNode | undefined, layer: LayerInfo): string {
  const property = parent === undefined ? undefined : propertyOf(parent, name, 'properties')
  if (layer.naming === 'env') {
    const variable = environmentName(name)
    const isListed = parent !== undefined && keysByEnvironment(parent)?.get(variable) === name
    // a name that has letters of both cases stands for itself
    const open = name === lowerCase(name) ? upperCase(name) : name
    return property?.environment ?? (isListed ? variable : open)
  }
  const written = layer.naming === 'stored' && property !== undefined ? property.stored : name
  return layer.separator === '/' ? encodeSegment(written) : written
}
