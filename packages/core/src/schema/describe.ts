import { createHash } from 'node:crypto'
import { childSchemaNode } from './child-node.ts'
import { leafForm } from './leaf-form.ts'
import { propertyOf } from './property-name.ts'
import { parts, readersOf, type SchemaNode } from './schema-node.ts'

/** Hash of a schema's shape: kinds and names, not checks or defaults. Equal shapes read the same trees. */
export function fingerprintOf(schemaNode: SchemaNode): string {
  const numbers = new Map<SchemaNode, number>()
  const lines: string[] = []
  const visit = (at: SchemaNode): number => {
    const known = numbers.get(at)
    if (known !== undefined) return known
    const number = numbers.size
    numbers.set(at, number)
    const names = at.type === 'object' ? [...at.properties.values()].map((property) => property.stored) : []
    const inner = parts(at).map(visit)
    const kind = leafForm(at.schema)?.name ?? at.schema._zod.def.type
    lines.push(`${number} ${kind} ${JSON.stringify(names)} ${inner.join(',')}`)
    return number
  }
  visit(schemaNode)
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32)
}

/** Whether what a path leads to is secret, or lies in something secret. Where the schema offers several readings, any will do. */
export function isSecretAt(schemaNode: SchemaNode, path: readonly PropertyKey[]): boolean {
  let at: SchemaNode | undefined = schemaNode
  for (let depth = 0; at?.hasSecret === true; depth++) {
    if (isSecretHere(at)) return true
    if (depth === path.length) return false
    at = childSchemaNode(at, String(path[depth]))
  }
  return false
}

/** Whether a key at a path holds an envelope: the place, or one that it lies in, is marked so. Where the schema offers several readings, any will do. */
export function isEncryptedAt(schemaNode: SchemaNode, path: readonly PropertyKey[]): boolean {
  let at: SchemaNode | undefined = schemaNode
  for (let depth = 0; at?.hasEncrypted === true; depth++) {
    if ([...readersOf([at])].some(({ isEncrypted }) => isEncrypted)) return true
    if (depth === path.length) return false
    at = childSchemaNode(at, String(path[depth]))
  }
  return false
}

/** Whether any reading of one place is secret as a whole. */
function isSecretHere(schemaNode: SchemaNode): boolean {
  return [...readersOf([schemaNode])].some(({ isSecret }) => isSecret)
}

/** How many names of a path are no part of a secret: those down to the first one, and those that the schema has itself. */
export function openDepth(schemaNode: SchemaNode, path: readonly string[]): number {
  let at: SchemaNode | undefined = schemaNode
  let isInSecret = false
  for (const [depth, name] of path.entries()) {
    isInSecret ||= at?.hasSecret === true && isSecretHere(at)
    const isOwn: boolean = at !== undefined && propertyOf(at, name, 'properties') !== undefined
    if (isInSecret && !isOwn) return depth
    at = at === undefined ? undefined : childSchemaNode(at, name)
  }
  return path.length
}

/** Whether a raw value at a path may be shown to anyone: the schema knows the place, and nothing in it is secret. */
export function isOpenAt(schemaNode: SchemaNode, path: readonly PropertyKey[]): boolean {
  const at = schemaNodeAt(schemaNode, path)
  return (
    at !== undefined && at.schema._zod.def.type !== 'never' && !at.hasSecret && !isSecretAt(schemaNode, path)
  )
}

/** The schema node of what a path leads to, as far as the schema knows one. */
export function schemaNodeAt(schemaNode: SchemaNode, path: readonly PropertyKey[]): SchemaNode | undefined {
  let at: SchemaNode | undefined = schemaNode
  for (const segment of path) at = at === undefined ? undefined : childSchemaNode(at, String(segment))
  return at
}
