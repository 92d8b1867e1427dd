import type * as z from 'zod/v4/core'
import { type TextForm, trimLineEnd } from './text-form.ts'

const NOT_BASE64 = /[^A-Za-z0-9+/]/
const readBytes = new WeakSet<object>()

/** Whether bytes were made here of text, so that nobody else holds them, of whatever class they are. */
export function isReadBytes(value: object): boolean {
  return readBytes.has(value)
}

/** Bytes as base64, read into the class the schema asks for: `Uint8Array`, `Buffer` or another made from it. */
export function bytesText(bytes: typeof Uint8Array): TextForm {
  return {
    read(text) {
      const trimmed = trimLineEnd(text)
      if (!isBase64(trimmed)) return text
      const read = bytes.from(Buffer.from(trimmed, 'base64'))
      readBytes.add(read)
      return read
    },
    write: (value) => (value instanceof bytes ? Buffer.from(value).toString('base64') : undefined),
  }
}

/** A pattern of groups of four would need a stack as deep as the text is long. */
function isBase64(text: string): boolean {
  if (text.length % 4 !== 0) return false
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (NOT_BASE64.test(padding === 0 ? text : text.slice(0, -padding))) return false
  // Bits that no byte is made of are zero, so that no two texts are read as the same bytes.
  const end = text.slice(-4)
  return Buffer.from(end, 'base64').toString('base64') === end
}

/** The class that `z.instanceof` was given, if it is one of bytes; checks added later are further schemas. */
export function bytesClass(schema: z.$ZodType | undefined): typeof Uint8Array | undefined {
  for (let at = schema; at !== undefined; at = at._zod.parent) {
    const held: unknown = at._zod.bag.Class
    if (typeof held === 'function' && (held === Uint8Array || held.prototype instanceof Uint8Array))
      return held as typeof Uint8Array
  }
  return undefined
}
