import { randomBytes } from 'node:crypto'
import { decryptGcm, encryptGcm, IV_BYTES, TAG_BYTES } from './aes-gcm.ts'
import type { EnvelopeKey } from './key-set.ts'

/**
 * An envelope is one line of text: `livetree:encrypted:<form>:<key id>:<base64url>`. The last part is the nonce (12 bytes), what
 * AES-256-GCM made of the UTF-8 content, and the tag (16 bytes). Authenticated with it, and not part of it, is the JSON list
 * `["livetree:encrypted:<form>", key id, …path]`, so that neither form nor id nor place can be exchanged.
 */
const MARK = 'livetree:encrypted:'
const FORM = /^livetree:encrypted:([12]):([^:]*):([^:]*)$/
/** Letters, digits, `.`, `_` and `-`: at most 64, and the first is a letter or a digit. */
const KEY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const BASE64URL = /^[A-Za-z0-9_-]*$/

/** What an envelope holds: the text of a key (form 1), or the JSON of a value in a document or a file (form 2), which has a type. */
export type EnvelopeForm = 'text' | 'json'

const NUMBERS: Readonly<Record<EnvelopeForm, number>> = { text: 1, json: 2 }

/** Whether a text may be the id of a key. */
export function isKeyId(id: string): boolean {
  return KEY_ID.test(id)
}

/** Whether a value says that it is an envelope, be it of another version or damaged. */
export function isEnvelope(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith(MARK)
}

/** Whether an envelope may stand somewhere in a text, such as a JSON list, of which any letter may be written as an escape. */
export function namesEnvelope(text: string): boolean {
  return text.includes(MARK) || text.includes('\\u')
}

/** What is encrypted in an envelope, and how. */
export interface SealedContent {
  readonly form: EnvelopeForm
  readonly keyId: string
  readonly content: Buffer
}

/** An envelope taken apart, or why it is none, in words that quote nothing of it. */
export type ParsedEnvelope =
  | ({ readonly type: 'envelope' } & SealedContent)
  | { readonly type: 'malformed'; readonly problem: string }

/** Reads the text of an envelope. Only one text is read as each envelope. */
export function parseEnvelope(text: string): ParsedEnvelope {
  if (!/^livetree:encrypted:[12]:/.test(text))
    return malformed(`begins with ${MARK} and has neither form 1 nor 2`)
  const [, number, keyId, payload] = FORM.exec(text) ?? []
  if (keyId === undefined || payload === undefined) return malformed('has not the five parts of one')
  if (!isKeyId(keyId)) return malformed('has an id of a key that is none')
  if (!BASE64URL.test(payload))
    return malformed('has a character in it that is not base64url, such as a line feed')
  const content = Buffer.from(payload, 'base64url')
  if (content.length < IV_BYTES + TAG_BYTES) return malformed('is cut off')
  // The last character has bits that say nothing, and must be zero.
  if (content.toString('base64url') !== payload) return malformed('is not written as it was made')
  return { type: 'envelope', form: number === '1' ? 'text' : 'json', keyId, content }
}

function malformed(problem: string): ParsedEnvelope {
  return { type: 'malformed', problem }
}

/** The id of the key that an envelope names; undefined for a text that is no envelope of a known form. */
export function keyIdOf(value: unknown): string | undefined {
  if (!isEnvelope(value)) return undefined
  const parsed = parseEnvelope(value)
  return parsed.type === 'envelope' ? parsed.keyId : undefined
}

/** Whether an envelope holds a value that has a type, and no text of a key. */
export function isValueEnvelope(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith(`${markOf('json')}:`)
}

/**
 * Encrypts a text, or the JSON of a value, for one place, with a fresh nonce. One key is good for some four thousand million of them.
 *
 * @param path the place that the envelope opens at, see `boundPath`
 */
export function makeEnvelope(
  { id, key }: EnvelopeKey,
  path: readonly string[],
  content: string,
  form: EnvelopeForm = 'text',
): string {
  const iv = randomBytes(IV_BYTES)
  const encrypted = encryptGcm({ key, iv, aad: aadOf(form, id, path) }, Buffer.from(content))
  return `${markOf(form)}:${id}:${Buffer.concat([iv, encrypted]).toString('base64url')}`
}

/** Opens what `makeEnvelope` made; undefined where key, place or content are others. */
export function openEnvelope(
  { id, key }: EnvelopeKey,
  path: readonly string[],
  { form, content }: Pick<SealedContent, 'form' | 'content'>,
): string | undefined {
  const iv = content.subarray(0, IV_BYTES)
  try {
    const text = decryptGcm({ key, iv, aad: aadOf(form, id, path) }, content.subarray(IV_BYTES))
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text)
  } catch {
    return undefined
  }
}

function markOf(form: EnvelopeForm): string {
  return `${MARK}${NUMBERS[form]}`
}

function aadOf(form: EnvelopeForm, keyId: string, path: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify([markOf(form), keyId, ...path]))
}
