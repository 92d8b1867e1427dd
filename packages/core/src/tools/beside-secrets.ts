import type * as z from 'zod/v4/core'
import { readersOf, type SchemaNode } from '../schema/schema-node.ts'

/** Schemas that are read where another option of a union, or another side of an intersection, has a secret. */
export interface BesideSecrets {
  /** The same value may be secret: nothing of these, nor of what is inside them, may be shown. */
  readonly atSecrets: ReadonlySet<z.$ZodType>
  /** A secret may be somewhere inside: nothing of these themselves may be shown. */
  readonly aroundSecrets: ReadonlySet<z.$ZodType>
}

/** Looks at each place of a tree with all schemas that may read it. */
export function besideSecrets(root: SchemaNode): BesideSecrets {
  const atSecrets = new Set<z.$ZodType>()
  const aroundSecrets = new Set<z.$ZodType>()
  const numbers = new Map<SchemaNode, number>()
  const numberOf = (node: SchemaNode): number => {
    const number = numbers.get(node) ?? numbers.size
    numbers.set(node, number)
    return number
  }
  const seen = new Set<string>()
  const places: (readonly SchemaNode[])[] = [[root]]
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const readings = [...readersOf(place)]
    const id = readings
      .map(numberOf)
      .sort((a, b) => a - b)
      .join()
    if (seen.has(id) || !readings.some(({ hasSecret, isSecret }) => hasSecret || isSecret)) continue
    seen.add(id)
    const isSecret = readings.some((reading) => reading.isSecret)
    for (const { schema, type } of readings) {
      if (isSecret) atSecrets.add(schema)
      // A scalar has nothing inside.
      else if (type !== 'leaf') aroundSecrets.add(schema)
    }
    if (!isSecret) places.push(...placesIn(readings))
  }
  return { atSecrets, aroundSecrets }
}

/** The places directly inside: one for each name that a schema gives, and one for all other names and for items. */
function placesIn(readings: readonly SchemaNode[]): readonly (readonly SchemaNode[])[] {
  const named = new Map<string, SchemaNode[]>()
  const others: SchemaNode[] = []
  for (const node of readings) {
    if (node.type === 'record' || node.type === 'map') others.push(node.value)
    if (node.type === 'list') others.push(...node.items, ...(node.rest === undefined ? [] : [node.rest]))
    if (node.type !== 'object') continue
    if (node.catchall !== undefined) others.push(node.catchall)
    for (const { name, schemaNode } of node.properties.values())
      named.set(name, [...(named.get(name) ?? []), schemaNode])
  }
  return [others, ...[...named.values()].map((nodes) => [...nodes, ...others])]
}
