import { createHash, createSecretKey } from 'node:crypto'
import { KEY_BYTES } from './aes-gcm.ts'
import { isKeyId } from './envelope.ts'
import type { EnvelopeKey } from './key-set.ts'

/** Keys that were read, or what is wrong, in words that quote nothing of them. */
export type ReadKeys =
  | { readonly type: 'keys'; readonly keys: readonly EnvelopeKey[] }
  | { readonly type: 'problem'; readonly problem: string }

/**
 * Reads keys from text, one a line: `id:key`, or the key alone, whose id is made of it. A key is 32 bytes in base64,
 * base64url or hexadecimal. Empty lines and those that begin with `#` say nothing.
 */
export function parseKeys(text: string): ReadKeys {
  const keys: EnvelopeKey[] = []
  for (const [index, whole] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = whole.trim()
    if (line === '' || line.startsWith('#')) continue
    const key = parseLine(line)
    if (typeof key === 'string') return problem(`line ${index + 1} ${key}`)
    keys.push(key)
  }
  return { type: 'keys', keys }
}

function problem(what: string): ReadKeys {
  return { type: 'problem', problem: what }
}

function parseLine(line: string): EnvelopeKey | string {
  const colon = line.indexOf(':')
  const bytes = keyBytes(line.slice(colon + 1).trim())
  if (bytes === undefined) return 'has no key of 32 bytes in base64 or hexadecimal'
  return keyOf(colon < 0 ? undefined : line.slice(0, colon).trim(), bytes)
}

/** The bytes of a written key; undefined where it is none. */
export function keyBytes(text: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex')
  const isBase64 = /^[A-Za-z0-9+/]{43}=?$/.test(text) || /^[A-Za-z0-9_-]{43}=?$/.test(text)
  return isBase64 ? Buffer.from(text, 'base64') : undefined
}

/** A key of these bytes, or what is wrong with it. Without an id it has one made of the key, which tells nothing of it. */
export function keyOf(id: string | undefined, bytes: Uint8Array): EnvelopeKey | string {
  if (bytes.byteLength !== KEY_BYTES) return `has a key of ${bytes.byteLength} bytes, and it needs 32`
  const own =
    id ?? `k${createHash('sha256').update('livetree key id\n').update(bytes).digest('hex').slice(0, 12)}`
  if (!isKeyId(own))
    return 'has an id that is none: 1 to 64 letters, digits, ".", "_" and "-", of which the first is a letter or a digit'
  return { id: own, key: createSecretKey(Buffer.from(bytes)) }
}
