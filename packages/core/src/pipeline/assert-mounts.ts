import { LivetreeError } from '../errors.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { schemaNodeAt } from '../schema/describe.ts'
import { readingsOf, type SchemaNode } from '../schema/schema-node.ts'
import type { LayerInfo } from '../source/source.ts'
import { mountOf } from './mount.ts'
import { nearestName } from '../nearest-name.ts'
import { pathText } from '../format/path-text.ts'
import { unheld } from './tree-place.ts'

/**
 * Checks that the schema has every place where a layer is mounted.
 *
 * @throws LivetreeError `invalid_options`, with the nearest path that the schema has, also for a place inside a list
 */
export function assertMounts(schemaNode: SchemaNode, layers: readonly LayerInfo[]): void {
  for (const layer of layers) {
    const names = mountOf(layer)
    const depth = names.findIndex((_, index) => !hasPlace(schemaNode, names.slice(0, index + 1)))
    if (depth < 0) continue
    const at = JSON.stringify(layer.at)
    const list = pathText(names.slice(0, depth))
    if (isListAt(schemaNode, names.slice(0, depth)))
      throw new LivetreeError(
        'invalid_options',
        `The layer ${layer.name} is mounted at ${at}, which is inside a list, and a list is supplied whole by one layer. Mount it at "${list}", with its items below it by number, or make "${list}" a record.`,
      )
    throw new LivetreeError(
      'invalid_options',
      `The layer ${layer.name} is mounted at ${at}, which the schema does not have. ${remedy(schemaNode, names, depth)}`,
    )
  }
}

/** Whether the schema has nothing but lists at a place. */
function isListAt(schemaNode: SchemaNode, path: readonly string[]): boolean {
  const readings = readingsOf(schemaNodeAt(schemaNode, path) ?? schemaNode)
  return readings.length > 0 && readings.every(({ type }) => type === 'list')
}

function hasPlace(schemaNode: SchemaNode, path: readonly string[]): boolean {
  if (isListAt(schemaNode, path.slice(0, -1))) return false
  const parent = schemaNodeAt(schemaNode, path.slice(0, -1))
  const name = path.at(-1) ?? ''
  const node = schemaNodeAt(schemaNode, path)
  return node !== undefined && node.schema._zod.def.type !== 'never' && unheld(name, parent) === undefined
}

/** What may have been meant: the same path with the first unknown name corrected, or the nearest path of all. */
function remedy(schemaNode: SchemaNode, names: readonly string[], depth: number): string {
  const above = names.slice(0, depth)
  const siblings = propertiesOf(schemaNodeAt(schemaNode, above))
  const name = nearestName(names[depth] ?? '', siblings)
  const corrected = name === undefined ? undefined : [...above, name, ...names.slice(depth + 1)]
  if (corrected !== undefined && hasPlace(schemaNode, corrected))
    return `Did you mean "${pathText(corrected)}"?`
  const paths = pathsOf(schemaNode)
  const last = names.at(-1)
  const namesake = paths.find((path) => path.at(-1) === last)
  const nearest = nearestName(
    pathText(names),
    paths.map((path) => pathText(path)),
  )
  const meant = namesake === undefined ? nearest : pathText(namesake)
  if (meant !== undefined) return `Did you mean "${meant}"?`
  const there = above.length === 0 ? 'At its top it has' : `At "${pathText(above)}" it has`
  return siblings.length === 0 ? `${there} no named parts.` : `${there}: ${shown(siblings)}.`
}

const MOST_SHOWN = 10

function shown(names: readonly string[]): string {
  const some = names.slice(0, MOST_SHOWN).map((name) => pathText([name]))
  return [...some, ...(names.length > MOST_SHOWN ? ['…'] : [])].join(', ')
}

function propertiesOf(schemaNode: SchemaNode | undefined): readonly string[] {
  if (schemaNode === undefined) return []
  const names = readingsOf(schemaNode).flatMap((reading) =>
    reading.type === 'object' ? [...reading.properties.keys()] : [],
  )
  return [...new Set(names)]
}

/** A schema may come back to itself at every level, so only this many paths of this many names are looked at. */
const MOST_PATHS = 1_000
const MOST_NAMES = 5

function pathsOf(schemaNode: SchemaNode): readonly (readonly string[])[] {
  let level: { path: readonly string[]; node: SchemaNode }[] = [{ path: [], node: schemaNode }]
  const paths: (readonly string[])[] = []
  for (let depth = 0; depth < MOST_NAMES && paths.length < MOST_PATHS; depth++) {
    level = level.slice(0, MOST_PATHS).flatMap(({ path, node }) =>
      propertiesOf(node).flatMap((name) => {
        const child = childSchemaNode(node, name)
        return child === undefined ? [] : [{ path: [...path, name], node: child }]
      }),
    )
    paths.push(...level.map(({ path }) => path))
  }
  return paths.slice(0, MOST_PATHS)
}
