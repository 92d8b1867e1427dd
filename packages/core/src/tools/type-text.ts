import type * as z from 'zod/v4/core'
import { leafForm } from '../schema/leaf-form.ts'
import type { ListNode, SchemaNode } from '../schema/schema-node.ts'

/** Inner types of longer chains of lists are left out: nobody reads them. */
const MAX_DEPTH = 3

/** What a schema takes, in words: `integer`, `"debug" | "info"`, `array of string`. */
export function typeText(node: SchemaNode, isSecret: boolean, depth = 0): string {
  if (depth > MAX_DEPTH) return '…'
  switch (node.type) {
    case 'wrapper': {
      const inner = typeText(node.inner, isSecret, depth)
      return node.wrapper === 'nullable' ? `${inner} | null` : inner
    }
    case 'leaf':
      return scalarWord(node.schema, isSecret)
    case 'raw':
      return rawWord(node.schema)
    case 'list':
      return listText(node, isSecret, depth)
    case 'union': {
      if (node.isJson === true) return 'JSON'
      const types = node.options.map((option) => typeText(option, isSecret, depth + 1))
      return [...new Set(types)].join(' | ')
    }
    case 'intersection':
      return 'object'
    default:
      return node.type === 'map' ? 'map' : 'object'
  }
}

function listText({ as, items, rest }: ListNode, isSecret: boolean, depth: number): string {
  const inner = items.map((item) => typeText(item, isSecret, depth + 1))
  if (as !== 'tuple') return `${as} of ${inner.join()}`
  const more = rest === undefined ? [] : [`…${typeText(rest, isSecret, depth + 1)}`]
  return `[${[...inner, ...more].join(', ')}]`
}

function scalarWord(schema: z.$ZodType, isSecret: boolean): string {
  const { def } = (schema as z.$ZodTypes)._zod
  const form = leafForm(schema)
  if (form !== undefined) return form.name
  switch (def.type) {
    case 'number':
      return isIntegerFormat(def) ? 'integer' : 'number'
    case 'string':
      return 'format' in def && typeof def.format === 'string' ? def.format : 'string'
    case 'template_literal':
      return 'string'
    case 'custom':
      return 'bytes'
    case 'enum':
    case 'literal':
      return isSecret ? def.type : [...(schema._zod.values ?? [])].map(valueWord).join(' | ')
    default:
      return def.type
  }
}

/** `z.int()` is a format, `z.number().int()` a check. */
function isIntegerFormat(def: z.$ZodNumberDef): boolean {
  const formats = [def, ...(def.checks ?? []).map((check) => check._zod.def)].map((part) =>
    'format' in part ? String(part.format) : '',
  )
  return formats.some((format) => format === 'safeint' || /^u?int/.test(format))
}

function valueWord(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/** What a preprocess leads to; else what the schema does not describe. */
function rawWord(schema: z.$ZodType): string {
  const { def } = (schema as z.$ZodTypes)._zod
  return def.type === 'pipe' ? def.out._zod.def.type : 'any'
}
