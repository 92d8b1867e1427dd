import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import { LivetreeError } from '../errors.ts'
import type { Path } from '../issue.ts'
import { documentKeyOf, isBelowMount, mountOf } from '../pipeline/mount.ts'
import { pathText } from '../format/path-text.ts'
import { storedPath } from '../pipeline/stored-path.ts'
import { TreeNode } from '../pipeline/tree-node.ts'
import { TreePlaces } from '../pipeline/tree-place.ts'
import { isNames } from '../pipeline/variable-names.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { shortKey } from '../short-text.ts'
import type { LayerInfo } from '../source/source.ts'
import { RESERVED } from './reserved-names.ts'
import { pathOf } from './schema-at.ts'

type Definition = ConfigDefinition<$ZodType>

/** Where a key stands: one of several layers, and the path from the root of the schema. */
export interface KeyPlace {
  /** Index of the layer in the list that was given. */
  readonly layer: number
  readonly path: Path
}

/**
 * The key of a path in a layer, as the store knows it: `/config/checkout/prod/db/pool/max`, or `CHECKOUT_DB__POOL__MAX`.
 * `pathOfKey` gives the path back. Names that the schema does not know are written as they are.
 *
 * @param path as text, `db.pool.max`, or as segments
 * @throws LivetreeError `invalid_path` where the layer has no key for the path: it is mounted elsewhere, or a name cannot
 *   be written so that it is read as the same
 */
export function keyOfPath(definition: Definition, path: string | Path, layer: LayerInfo): string {
  const at = pathOf(path)
  if (!isBelowMount(at, layer))
    throw invalid(`Layer ${layer.name} is mounted at "${layer.at}", and "${pathText(at)}" is not below that`)
  const broken = at.find((name) => !String(name).isWellFormed())
  if (broken !== undefined)
    throw invalid(`A key is UTF-8 text, which has no half of a surrogate pair: "${pathText(at)}"`)
  const key = layer.keyPrefix + storedPath(definition.compiled, at, layer)
  const found = readPath(definition, key.slice(layer.keyPrefix.length), layer)
  const isSame =
    typeof found !== 'string' &&
    found.length === at.length &&
    found.every((name, i) => name === String(at[i]))
  if (isSame) return key
  const why = typeof found === 'string' ? `it would be ${found}` : `it would be read as "${pathText(found)}"`
  throw invalid(`Layer ${layer.name} has no key for "${pathText(at)}": ${why}`)
}

/**
 * The path of a key, from the root of the schema; undefined for a key outside of the layer. Segments are names, also
 * those of list items.
 *
 * @throws LivetreeError `invalid_path` for a key of the layer that no name is written as, such as one that is not written
 *   by `naming`
 */
export function pathOfKey(definition: Definition, key: string, layer: LayerInfo): Path | undefined {
  if (typeof key !== 'string') throw invalid('Expected a key as text')
  const found = findPath(definition, key, layer)
  if (typeof found !== 'string') return found
  throw invalid(`The key ${shortKey(key)} has no place in layer ${layer.name}: it is ${found}`)
}

/** The same, or why it has no place in the layer. */
function findPath(definition: Definition, key: string, layer: LayerInfo): Path | string | undefined {
  if (key === documentKeyOf(layer)) return mountOf(layer)
  const { keyPrefix } = layer
  return key.startsWith(keyPrefix) ? readPath(definition, key.slice(keyPrefix.length), layer) : undefined
}

/**
 * Every place that a key has in some layers, such as the overlays of a source. There are several where one layer contains
 * another, and none for a foreign key or for one that is not written as the schema's names are.
 */
export function placesOfKey(
  definition: Definition,
  key: string,
  layers: readonly LayerInfo[],
): readonly KeyPlace[] {
  const places: KeyPlace[] = []
  let layer = 0
  for (const info of layers) {
    const path = findPath(definition, key, info)
    if (typeof path === 'object') places.push({ layer, path })
    layer++
  }
  return places
}

/**
 * The key that allows a mass removal in an etcd tree (see `GuardOptions`). Put in the transaction that removes, it allows
 * what that removes; put alone, it allows all that was removed until then. Its value does not matter.
 *
 * @param directory the `root` or prefix of the tree, such as `/config/checkout`
 */
export function removalMarkerKey(directory: string): string {
  let length = directory.length
  while (directory[length - 1] === '/') length--
  return `${directory.slice(0, length)}/${RESERVED}/allow-removal`
}

/** The names of a path as a layer writes it, from the root of the schema; or what is wrong with it. */
function readPath({ compiled, naming }: Definition, path: string, layer: LayerInfo): Path | string {
  const { keyPrefix, separator } = layer
  const isStore =
    separator === '/' && layer.naming === 'stored' && (keyPrefix === '' || keyPrefix.endsWith('/'))
  if (isStore && `/${path}/`.includes(`/${RESERVED}/`))
    return "one of livetree's own keys, which are not configuration"
  if (!path.isWellFormed()) return 'no UTF-8 text'
  const places = placesOf(compiled, layer, naming !== 'exact')
  const found = places.names(0, path)
  return isNames(found) ? found : found.reason
}

/** By schema and layer: a tree of many keys asks as often. */
const knownPlaces = new WeakMap<SchemaNode, WeakMap<LayerInfo, TreePlaces>>()

function placesOf(compiled: SchemaNode, layer: LayerInfo, isRenamed: boolean): TreePlaces {
  const known = knownPlaces.get(compiled) ?? new WeakMap<LayerInfo, TreePlaces>()
  knownPlaces.set(compiled, known)
  const places = known.get(layer)
  if (places !== undefined) return places
  const made = new TreePlaces(compiled, new TreeNode(''), [{ ...layer }], { isRenamed })
  // Where a variable leads may depend on others.
  if (layer.naming !== 'env') known.set(layer, made)
  return made
}

function invalid(what: string): LivetreeError {
  return new LivetreeError('invalid_path', `${what}.`)
}
