import { readFile, stat } from 'node:fs/promises'
import { disown } from '../callback.ts'
import type { EnvelopeKey } from '../encryption/key-set.ts'
import { keyBytes, keyOf, parseKeys } from '../encryption/parse-keys.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import { isObject } from '../option-kinds.ts'
import { absolutePath } from '../source/absolute-path.ts'
import { fieldOf } from '../thrown.ts'

/** A key as it is given: 32 bytes, or their text in base64, base64url or hexadecimal. */
export interface KeyMaterial {
  /** Stands in every envelope: 1 to 64 letters, digits, `.`, `_` and `-`. Default: one made of the key. */
  readonly id?: string | undefined
  readonly key: string | Uint8Array
}

/** Asks whoever has the keys, such as a KMS. Called at the start and when keys are to be read again; has 10 seconds each time. */
export type KeyPort = (signal: AbortSignal) => Promise<KeyMaterial | readonly KeyMaterial[]>

/**
 * Where keys are: a file or a variable of the environment with one key a line, `id:key` or the key alone (of at most 64 KiB; lines
 * that begin with `#` say nothing); a function that asks for them; or the key itself. A file is watched.
 */
export type KeyOrigin = { readonly file: string } | { readonly env: string } | KeyPort | KeyMaterial

/** An origin that was checked. */
export interface ReadableOrigin {
  /** For messages: says nothing of the key. */
  readonly name: string
  /** Absolute; undefined where the keys are not in a file. */
  readonly file?: string
  /** It is a function. */
  readonly isRemote?: boolean
  /** @throws LivetreeError `keys_unavailable`; with `isFinal` where asking again cannot help */
  read(signal: AbortSignal): Promise<readonly EnvelopeKey[]>
}

const MOST_BYTES = 64 * 1024

/** Whether an origin may have no key: then it is no error either if its file or variable is not there. */
interface OriginNeeds {
  readonly mayBeEmpty?: boolean
}

/** @throws LivetreeError `invalid_options` */
export function checkOrigin(origin: KeyOrigin, at: string, needs: OriginNeeds = {}): ReadableOrigin {
  if (typeof origin === 'function') return portOrigin(origin, at)
  disown(origin)
  if (isObject(origin)) {
    const { file, env } = origin as { readonly file?: unknown; readonly env?: unknown }
    const names = Object.keys(origin)
    const isOnly = names.length === 1
    if (isOnly && typeof file === 'string' && file !== '') return fileOrigin(file, needs)
    if (isOnly && typeof env === 'string' && env !== '') return variableOrigin(env, needs)
    if (names.includes('key') && names.every((name) => name === 'key' || name === 'id'))
      return givenOrigin(origin as unknown as KeyMaterial, at)
  }
  throw new LivetreeError(
    'invalid_options',
    `keyring() got ${at} that is no origin of keys; expected { file }, { env }, { id, key } or a function.`,
  )
}

/** The error of an origin that gives no keys. */
export class OriginError extends LivetreeError {
  /** Asking again gives the same answer. */
  readonly isFinal: boolean

  constructor(message: string, options: { readonly isFinal: boolean; readonly cause?: unknown }) {
    super('keys_unavailable', message, 'cause' in options ? { cause: options.cause } : {})
    this.isFinal = options.isFinal
  }
}

function fileOrigin(path: string, needs: OriginNeeds): ReadableOrigin {
  const file = absolutePath(path)
  const name = `file ${file}`
  const read = async (signal: AbortSignal) => {
    let text: string
    try {
      if ((await stat(file)).size > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES} bytes`)
      text = await readFile(file, { encoding: 'utf8', signal })
    } catch (cause) {
      if (needs.mayBeEmpty === true && fieldOf(cause, 'code') === 'ENOENT') return []
      throw new OriginError(`The key ${name} cannot be read: ${(cause as Error).message}.`, {
        isFinal: true,
        cause,
      })
    }
    return keysIn(text, name, needs)
  }
  return { name, file, read }
}

function variableOrigin(variable: string, needs: OriginNeeds): ReadableOrigin {
  const name = `variable ${variable}`
  const read = async () => {
    const text = process.env[variable]
    if (text === undefined && needs.mayBeEmpty === true) return []
    if (text === undefined) throw new OriginError(`The key ${name} is not set.`, { isFinal: true })
    return keysIn(text, name, needs)
  }
  return { name, read }
}

function keysIn(text: string, name: string, { mayBeEmpty = false }: OriginNeeds): readonly EnvelopeKey[] {
  const parsed = parseKeys(text)
  if (parsed.type === 'keys' && (mayBeEmpty || parsed.keys.length > 0)) return parsed.keys
  const problem = parsed.type === 'keys' ? 'has no key in it' : parsed.problem
  const expected = 'Expected one key a line, id:key or the key alone'
  throw new OriginError(`The key ${name}: ${problem}. ${expected}.`, { isFinal: true })
}

function givenOrigin(material: KeyMaterial, at: string): ReadableOrigin {
  const key = materialKey(material)
  if (typeof key === 'string') throw new LivetreeError('invalid_options', `keyring() got ${at} that ${key}.`)
  return { name: `key ${key.id}`, read: () => Promise.resolve([key]) }
}

function materialKey(material: KeyMaterial): EnvelopeKey | string {
  if (!isObject(material)) return 'is no { id, key }'
  const { id, key } = material
  if (id !== undefined && typeof id !== 'string') return 'has an id that is no text'
  const bytes = typeof key === 'string' ? keyBytes(key.trim()) : key
  if (!(bytes instanceof Uint8Array)) return 'has no key of 32 bytes, or their text in base64 or hexadecimal'
  return keyOf(id, bytes)
}

function portOrigin(port: KeyPort, at: string): ReadableOrigin {
  const name = `function ${at}`
  const read = async (signal: AbortSignal) => {
    try {
      const answer = await port(signal)
      const keys = (Array.isArray(answer) ? (answer as readonly KeyMaterial[]) : [answer as KeyMaterial]).map(
        materialKey,
      )
      const problem = keys.find((key) => typeof key === 'string')
      if (problem !== undefined)
        throw new OriginError(`The key ${name} gave a key that ${problem}.`, { isFinal: false })
      return keys as readonly EnvelopeKey[]
    } catch (cause) {
      if (isLivetreeError(cause)) throw cause
      throw new OriginError(`The key ${name} failed.`, { isFinal: false, cause })
    }
  }
  return { name, read, isRemote: true }
}
