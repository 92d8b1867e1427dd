import { inspect } from 'node:util'
import type * as z from 'zod/v4/core'
import { intersectionOf } from '../schema/child-node.ts'
import { recordPart } from '../schema/loose-record.ts'
import { coreOf, type SchemaNode } from '../schema/schema-node.ts'
import { SECRET_TEXT } from '../secret-text.ts'
import { isPlainObject } from './document.ts'
import { isPlainList } from './is-equal.ts'

/**
 * A copy of `value` with every secret replaced by `[secret]`. Where the schema reshapes a value that has a secret in it
 * (a transform, a codec, a union that cannot be told apart), the whole of that value counts as secret.
 */
export function redact(value: unknown, schemaNode: SchemaNode | undefined): unknown {
  if (schemaNode === undefined || !schemaNode.hasSecret || value === undefined || value === null) return value
  if (isSecretWhole(schemaNode, value)) return SECRET_TEXT
  const part = (inner: unknown, key: unknown) => redact(inner, partView(schemaNode, value, key))
  if (isPlainList(value)) return value.map(part)
  if (value instanceof Map) return new Map([...value].map(([key, inner]) => [key, part(inner, key)]))
  if (value instanceof Set) return new Set([...value].map((inner) => part(inner, 0)))
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, part(inner, name)]))
  }
  return SECRET_TEXT
}

/** Whether nothing of a value may be shown. */
export function isSecretWhole(schemaNode: SchemaNode, value: unknown): boolean {
  if (!schemaNode.hasSecret) return false
  if (schemaNode.isSecret || isReshaped(schemaNode)) return true
  switch (schemaNode.type) {
    case 'wrapper':
      return isSecretWhole(schemaNode.inner, value)
    case 'union':
      return taggedOption(schemaNode, value) === undefined
    case 'intersection':
      return schemaNode.sides.some((side) => isSecretWhole(side, value))
    default:
      return false
  }
}

/** Whether the schema's own code makes the value, so that what was secret may be anywhere in it. */
function isReshaped(schemaNode: SchemaNode): boolean {
  const { def } = schemaNode.schema._zod
  const { checks = [] } = def as { checks?: readonly z.$ZodCheck[] }
  if (checks.some((check) => check._zod.def.check === 'overwrite')) return true
  if (schemaNode.type === 'wrapper' && schemaNode.wrapper === 'pipe') return true
  // A catch with a value of its own takes no argument; one that takes what was caught may put it anywhere.
  return def.type === 'pipe' || (def.type === 'catch' && (def as z.$ZodCatchDef).catchValue.length > 0)
}

/** Whether even the names inside a value may be made of a secret. */
export function hasMadeNames(schemaNode: SchemaNode): boolean {
  if (!schemaNode.hasSecret) return false
  if (isReshaped(schemaNode)) return true
  switch (schemaNode.type) {
    case 'wrapper':
      return hasMadeNames(schemaNode.inner)
    case 'union':
      return schemaNode.options.some(hasMadeNames)
    case 'intersection':
      return schemaNode.sides.some(hasMadeNames)
    default:
      return false
  }
}

/** The schema node of one part of an output value, if secrets may be inside it. */
export function partView(
  schemaNode: SchemaNode | undefined,
  value: unknown,
  key: unknown,
): SchemaNode | undefined {
  if (schemaNode === undefined || !schemaNode.hasSecret) return undefined
  if (isSecretWhole(schemaNode, value)) return schemaNode
  const core = coreOf(schemaNode)
  switch (core.type) {
    case 'object':
      return core.properties.get(String(key))?.schemaNode ?? core.catchall
    case 'record':
      return recordPart(core, String(key))
    case 'map':
      return core.value
    case 'list':
      return core.as === 'tuple' ? (core.items[Number(key)] ?? core.rest) : core.items[0]
    case 'union':
      return partView(taggedOption(core, value), value, key)
    case 'intersection': {
      const views = core.sides.flatMap((side) => partView(side, value, key) ?? [])
      return intersectionOf(
        core,
        views.filter((view) => view.hasSecret),
      )
    }
    default:
      return undefined
  }
}

/** The option of a discriminated union that a value's tag names. */
function taggedOption(schemaNode: SchemaNode & { type: 'union' }, value: unknown): SchemaNode | undefined {
  const { discriminator } = schemaNode
  if (discriminator === undefined || !isPlainObject(value)) return undefined
  const tag = value[discriminator]
  const isNamed = (option: SchemaNode) =>
    option.schema._zod.propValues?.[discriminator]?.has(tag as string) === true
  return schemaNode.options.find(isNamed)
}

/** Why no name toJSON can be where secrets are. */
export const TO_JSON = 'the name toJSON beside secrets, which JSON.stringify would print then'

/** A value has a part named toJSON beside secrets, so that they cannot be concealed. */
export class NameTakenError extends Error {
  constructor() {
    super(`Holds ${TO_JSON}`)
  }
}

const descriptors = new WeakMap<SchemaNode, PropertyDescriptorMap>()

/** Gives a value with secrets inside a `toJSON` and an `inspect` that leave them out. Nothing enumerable is added. */
export function concealSecrets<O extends object>(value: O, schemaNode: SchemaNode | undefined): O {
  if (schemaNode === undefined || !schemaNode.hasSecret) return value
  let own = descriptors.get(schemaNode)
  if (own === undefined) {
    own = {
      toJSON: {
        value(this: unknown) {
          return redact(this, schemaNode)
        },
      },
      [inspect.custom]: {
        value(this: unknown, _depth: number, options: object) {
          return inspect(redact(this, schemaNode), options)
        },
      },
    }
    descriptors.set(schemaNode, own)
  }
  if (!Object.hasOwn(value, 'toJSON')) return Object.defineProperties(value, own)
  if (typeof (value as { toJSON: unknown }).toJSON !== 'function') throw new NameTakenError()
  // A function of that name is the schema's own, which says by itself what is shown.
  const { toJSON, ...rest } = own
  return Object.defineProperties(value, rest)
}
