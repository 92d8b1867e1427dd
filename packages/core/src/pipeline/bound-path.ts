import { decodeSegment, encodeSegment } from '../format/key-segment.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { schemaNodeAt } from '../schema/describe.ts'
import { propertyOf } from '../schema/property-name.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import type { LayerInfo } from '../source/source.ts'
import { mountOf } from './mount.ts'

/**
 * The place that an envelope is bound to: the names that lead to its leaf in the store, as keys have them. It is the same in
 * every overlay and environment, in files and in variables, so that trees can be copied and promoted. In a directory that is
 * mounted it begins with the name of that directory, wherever it is mounted: each service that shares the directory opens the
 * envelope, and none that stands in another directory.
 */
export function boundPath(
  schemaNode: SchemaNode,
  names: readonly PropertyKey[],
  layer: LayerInfo,
): readonly string[] {
  const directory = mountedDirectory(layer)
  const top = directory === undefined ? [] : mountOf(layer)
  const path = directory === undefined ? [] : [directory]
  let at = schemaNodeAt(schemaNode, top)
  for (const key of names.slice(top.length)) {
    const name = String(key)
    path.push((at === undefined ? undefined : propertyOf(at, name, 'properties'))?.stored ?? name)
    at = at === undefined ? undefined : childSchemaNode(at, name)
  }
  return path
}

/**
 * The places that an envelope of the same key is bound to by other layers that have the key: a directory and a part of it may both
 * be mounted.
 */
export function otherBoundPaths(
  schemaNode: SchemaNode,
  path: readonly PropertyKey[],
  layer: LayerInfo,
  layers: readonly LayerInfo[],
): readonly (readonly string[])[] {
  if (!isDirectory(layer)) return []
  const bound = boundPath(schemaNode, path, layer)
  const below = bound.slice(mountedDirectory(layer) === undefined ? 0 : 1)
  const key = [...segmentsOf(layer), ...below.map(encodeSegment)]
  const names = [...segmentsOf(layer).map((segment) => decodeSegment(segment) ?? segment), ...below]
  return layers.flatMap((other) => {
    const above = other !== layer && isDirectory(other) ? segmentsOf(other) : undefined
    if (above?.every((name, at) => key[at] === name) !== true) return []
    const directory = mountedDirectory(other)
    return [[...(directory === undefined ? [] : [directory]), ...names.slice(above.length)]]
  })
}

/** The last name of a directory of a store that is mounted below the top; undefined for any other layer. */
function mountedDirectory(layer: LayerInfo): string | undefined {
  if (!isDirectory(layer) || mountOf(layer).length === 0) return undefined
  return segmentsOf(layer).at(-1) ?? ''
}

/** One key of another name, such as a variable that stands for a path, is no directory. */
function isDirectory({ keyPrefix, separator, isNested, naming }: LayerInfo): boolean {
  return separator === '/' && keyPrefix.endsWith(separator) && naming !== 'env' && isNested !== true
}

function segmentsOf({ keyPrefix }: LayerInfo): readonly string[] {
  return keyPrefix.split('/').filter((name) => name !== '')
}
