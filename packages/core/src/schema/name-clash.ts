import { environmentName } from './naming.ts'
import { type ObjectNode, parts, readingsOf, type RecordNode, type SchemaNode } from './schema-node.ts'

/** Two names that are written alike. */
export interface Clash {
  readonly one: string
  readonly other: string
  readonly written: string
  readonly path: readonly string[]
}

/**
 * Finds a name of a tree that would stand for two of the schema at one place: of one object, of several options of a
 * union, or of the two sides of an intersection, which read the same keys.
 */
export function findClash(schemaNode: SchemaNode, naming: 'stored' | 'environment'): Clash | undefined {
  return new ClashFinder(naming).visit([schemaNode], [])
}

class ClashFinder {
  readonly #naming: 'stored' | 'environment'
  readonly #seen = new Set<string>()
  readonly #numbers = new Map<SchemaNode, number>()

  constructor(naming: 'stored' | 'environment') {
    this.#naming = naming
  }

  /** @param schemaNodes all that may be read at one place */
  visit(schemaNodes: readonly SchemaNode[], path: readonly string[]): Clash | undefined {
    const all = [...new Set(schemaNodes.flatMap((schemaNode) => readingsOf(schemaNode)))]
    const readings = all.filter((reading) => !holdsNothing(reading))
    const key = readings
      .map((reading) => this.#numberOf(reading))
      .sort()
      .join()
    if (readings.length === 0 || this.#seen.has(key)) return undefined
    this.#seen.add(key)
    const objects = readings.filter((reading): reading is ObjectNode => reading.type === 'object')
    const clash = this.#clashAt(readings, path)
    if (clash !== undefined) return clash
    for (const name of new Set(objects.flatMap((object) => [...object.properties.keys()]))) {
      const below = readings.flatMap((reading) => childrenOf(reading, name))
      if (below.every(holdsNothing)) continue
      const found = this.visit(below, [...path, name])
      if (found !== undefined) return found
    }
    return this.visit(
      readings.flatMap((reading) => childrenOf(reading, undefined)),
      [...path, '<key>'],
    )
  }

  #clashAt(readings: readonly SchemaNode[], path: readonly string[]): Clash | undefined {
    const [first] = readings
    if (readings.length === 1 && first?.type === 'object' && this.#namesDiffer(first)) return undefined
    const names = new Map<string, string>()
    for (const [written, name] of readings.flatMap((reading) => this.#namesOf(reading))) {
      const other = names.get(written)
      if (other !== undefined && other !== name) return { one: other, other: name, written, path }
      names.set(written, name)
    }
    return undefined
  }

  #namesDiffer({ properties, byStored, byEnvironment }: ObjectNode): boolean {
    return (this.#naming === 'stored' ? byStored : byEnvironment).size === properties.size
  }

  #namesOf(reading: SchemaNode): (readonly [written: string, name: string])[] {
    if (reading.type === 'object')
      return [...reading.properties.values()].map((property) => [property[this.#naming], property.name])
    const isListed = this.#naming === 'environment' && (reading.type === 'record' || reading.type === 'map')
    const keys = isListed ? [...(reading.key.schema._zod.values ?? [])].map(String) : []
    return keys.map((key) => [environmentName(key), key])
  }

  #numberOf(schemaNode: SchemaNode): number {
    const known = this.#numbers.get(schemaNode) ?? this.#numbers.size
    this.#numbers.set(schemaNode, known)
    return known
  }
}

/** Whether there are no names below a schema. */
function holdsNothing({ type }: SchemaNode): boolean {
  return type === 'leaf' || type === 'raw'
}

/** What may be read below a name, or, where there is none, below names that are not known. */
function childrenOf(reading: SchemaNode, name: string | undefined): readonly SchemaNode[] {
  if (reading.type !== 'object')
    return reading.type === 'list' ? parts(reading) : [(reading as RecordNode).value]
  const own = name === undefined ? undefined : reading.properties.get(name)?.schemaNode
  return [own ?? reading.catchall ?? []].flat()
}

/** A place in the schema, in words. */
export function placeText(path: readonly string[]): string {
  return path.length === 0 ? 'the root' : `"${path.join('.')}"`
}
