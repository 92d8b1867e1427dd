import * as z from 'zod/v4/core'
import { Unreadable } from '../source/source.ts'
import { type SchemaNode, someReading } from './schema-node.ts'

/** Unions and wrappers inside each other: more than any schema has. */
const MAX_DEPTH = 100

/**
 * Why a name is not given to zod as a key of a record: a template would try too much for it. Of a union, zod tries the
 * options up to the first that takes the name.
 */
export function refusedName(key: SchemaNode, name: string): string | undefined {
  // Hardly any key has a template in it.
  const mayRefuse = someReading(key, (reading) => reading.type === 'leaf' && reading.mayRefuse === true)
  return mayRefuse ? refusedBy(key, name, 0) : undefined
}

function refusedBy(key: SchemaNode, name: string, depth: number): string | undefined {
  if (depth === MAX_DEPTH) return undefined
  const refused = (part: SchemaNode) => refusedBy(part, name, depth + 1)
  switch (key.type) {
    case 'leaf': {
      const read = key.mayRefuse === true ? key.read(name) : undefined
      return read instanceof Unreadable ? read.reason : undefined
    }
    case 'wrapper':
      return refused(key.inner)
    case 'intersection':
      return key.sides.map(refused).find((reason) => reason !== undefined)
    case 'union':
      for (const option of key.options) {
        const reason = refused(option)
        if (reason !== undefined) return reason
        if (takes(option, name)) return undefined
      }
      return undefined
    default:
      return undefined
  }
}

function takes({ schema }: SchemaNode, name: string): boolean {
  try {
    return z.safeParse(schema, name).success
  } catch {
    // The schema's own code threw; it throws again where that is reported.
    return false
  }
}
