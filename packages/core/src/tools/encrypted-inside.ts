import * as z from 'zod/v4/core'
import { coreOf, readersOf, type SchemaNode, wrappersOf } from '../schema/schema-node.ts'

type Keyword = 'additionalProperties' | 'items'
type Json = Readonly<Record<string, unknown>>

/** Something encrypted inside that zod leaves out or does not tell from what is beside it. */
type Inside =
  | { readonly type: 'part'; readonly keyword: Keyword; readonly schema: z.$ZodType }
  | { readonly type: 'unsaid' }

/** What a JSON Schema says of encrypted values that zod's own conversion says nothing of: who writes the tree has to know. */
export class EncryptedInside {
  readonly #table: '$defs' | 'definitions'
  /** The names that the parts have in the table. Each is written once there, so that recursion through them ends. */
  readonly #names = new Map<z.$ZodType, string>()

  constructor(nodes: Iterable<SchemaNode>, table: '$defs' | 'definitions') {
    this.#table = table
    for (const node of nodes) {
      const inside = insideOf(node)
      if (inside?.type === 'part' && !this.#names.has(inside.schema))
        this.#names.set(inside.schema, `__part${this.#names.size}`)
    }
  }

  /** What is said of a node beyond what zod says. */
  of(node: SchemaNode): Json {
    const inside = insideOf(node)
    const name = inside?.type === 'part' ? this.#names.get(inside.schema) : undefined
    if (inside?.type === 'part' && name !== undefined)
      return { [inside.keyword]: { $ref: `#/${this.#table}/${name}` } }
    // What is around it has the text of it.
    const around = [...wrappersOf(node), coreOf(node)]
    return around.some((each) => this.#isUnsaid(each)) ? { writeOnly: true, 'x-encrypted': 'inside' } : {}
  }

  /** What zod writes of a schema, with the parts; where it cannot write one of them, without. */
  writtenWith(schema: z.$ZodType, write: (whole: z.$ZodType) => object): Json {
    if (this.#names.size === 0) return write(schema) as Json
    try {
      return this.#withParts(schema, write)
    } catch {
      this.#names.clear()
      return write(schema) as Json
    }
  }

  /** All in one conversion, so that the parts share what they refer to. */
  #withParts(schema: z.$ZodType, write: (whole: z.$ZodType) => object): Json {
    const parts = [...this.#names].map(([part, name]) => [name, part])
    const shape = { ...Object.fromEntries(parts), root: schema }
    const {
      $schema,
      properties,
      [this.#table]: table = {},
    } = write(new z.$ZodObject({ type: 'object', shape })) as Record<string, Record<string, Json>>
    const { root = {}, ...written } = properties ?? {}
    const taken = Object.keys(written).find((name) => Object.hasOwn(table, name))
    if (taken !== undefined) throw new TypeError(`The id "${taken}" cannot be used`)
    const { $ref, ...own } = root
    const target = typeof $ref === 'string' ? table[$ref.slice(`#/${this.#table}/`.length)] : undefined
    const top = target === undefined ? root : { ...target, ...own }
    return { ...($schema !== undefined && { $schema }), ...top, [this.#table]: { ...table, ...written } }
  }

  #isUnsaid(node: SchemaNode): boolean {
    const inside = insideOf(node)
    return inside !== undefined && (inside.type === 'unsaid' || !this.#names.has(inside.schema))
  }
}

function insideOf(node: SchemaNode): Inside | undefined {
  if (!node.hasEncrypted) return undefined
  const part = (keyword: Keyword, { schema }: SchemaNode): Inside => ({ type: 'part', keyword, schema })
  if (node.type === 'map') return part('additionalProperties', node.value)
  if (node.type === 'list' && node.as === 'set') return node.items[0] && part('items', node.items[0])
  const isWhole = [...readersOf([node])].some(({ isEncrypted }) => isEncrypted)
  if (node.schema._zod.def.type === 'success') return isWhole ? undefined : { type: 'unsaid' }
  if (node.type !== 'record' || node.others === undefined) return undefined
  // What is under a name that is no key is one secret, which the parts under those that are keys need not be.
  const isAnyKey = node.key.type === 'leaf' && node.key.isAnyText
  const isPartWhole = [...readersOf([node.value])].some(({ isEncrypted }) => isEncrypted)
  return isWhole || isAnyKey || isPartWhole ? part('additionalProperties', node.value) : { type: 'unsaid' }
}
