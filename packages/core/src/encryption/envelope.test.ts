import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { makeByWebCrypto, openByWebCrypto } from './envelope.test.kit.ts'
import { keyIdOf, makeEnvelope, openEnvelope, parseEnvelope } from './envelope.ts'
import { type EnvelopeKey, KeySet } from './key-set.ts'
import { keyBytes, keyOf, parseKeys } from './parse-keys.ts'

interface Vector {
  readonly keyId: string
  readonly key: string
  readonly path: readonly string[]
  readonly text: string
  readonly envelope: string
}
const { vectors } = JSON.parse(
  readFileSync(new URL('./envelope-vectors.test.json', import.meta.url), 'utf8'),
) as {
  readonly vectors: readonly Vector[]
}

function keyFrom(id: string, bytes: Uint8Array): EnvelopeKey {
  const key = keyOf(id, bytes)
  if (typeof key === 'string') throw new Error(key)
  return key
}

function open(envelope: string, key: EnvelopeKey, path: readonly string[]): string | undefined {
  const parsed = parseEnvelope(envelope)
  if (parsed.type !== 'envelope') return undefined
  const found = new KeySet({ keys: [key] }).find(parsed.keyId)
  return found && openEnvelope(found, path, parsed)
}

describe('envelope', () => {
  test.each(vectors)('vector $keyId $path opens, and is what WebCrypto makes and opens', async (vector) => {
    const { keyId, path, text, envelope } = vector
    const bytes = Buffer.from(vector.key, 'base64')
    const key = keyFrom(keyId, bytes)
    expect(keyIdOf(envelope)).toBe(keyId)
    expect(open(envelope, key, path)).toBe(text)
    const iv = Buffer.from(envelope.slice(envelope.lastIndexOf(':') + 1), 'base64url').subarray(0, 12)
    const form = envelope.startsWith('livetree:encrypted:2:') ? 2 : 1
    expect(parseEnvelope(envelope)).toMatchObject({ form: form === 2 ? 'json' : 'text' })
    expect(await makeByWebCrypto({ id: keyId, bytes, iv }, path, text, form)).toBe(envelope)
    const made = makeEnvelope(key, path, text, form === 2 ? 'json' : 'text')
    expect(await openByWebCrypto(bytes, path, made)).toBe(text)
    // Neither form opens as the other.
    expect(open(envelope.replace(`:${form}:`, `:${3 - form}:`), key, path)).toBeUndefined()
  })

  test('no other path, key or id opens it; each making has a nonce of its own', () => {
    const bytes = randomBytes(32)
    const key = keyFrom('k1', bytes)
    const path = ['db', 'password']
    const envelope = makeEnvelope(key, path, 'hunter2')
    expect(open(envelope, key, path)).toBe('hunter2')
    for (const other of [
      [],
      ['db'],
      ['password', 'db'],
      ['db', 'password', ''],
      ['db/password'],
      ['dbpassword', ''],
    ])
      expect(open(envelope, key, other)).toBeUndefined()
    expect(open(envelope, keyFrom('k1', randomBytes(32)), path)).toBeUndefined()
    expect(open(envelope.replace(':k1:', ':k2:'), keyFrom('k2', bytes), path)).toBeUndefined()
    expect(makeEnvelope(key, path, 'hunter2')).not.toBe(envelope)
  })

  test('no byte of the text can be another one', () => {
    const key = keyFrom('k1', randomBytes(32))
    const envelope = makeEnvelope(key, ['a'], 'secret')
    const letters = 'AQZaz09-_.:+/= \n'
    for (let at = 0; at < envelope.length; at++)
      for (const letter of letters) {
        const altered = envelope.slice(0, at) + letter + envelope.slice(at + 1)
        if (altered !== envelope) expect(open(altered, key, ['a'])).toBeUndefined()
      }
    for (let length = 0; length < envelope.length; length++)
      expect(open(envelope.slice(0, length), key, ['a'])).toBeUndefined()
  })

  test.each(['\n', '=', '==', ' ', ':', 'A', 'AA'])('%j at its end is no envelope that opens', (end) => {
    const key = keyFrom('k1', randomBytes(32))
    // of each of the three lengths of base64
    for (const text of ['', 'a', 'ab'])
      expect(open(makeEnvelope(key, [], text) + end, key, [])).toBeUndefined()
  })

  test.each([
    'livetree:encrypted:2:k1:AAAA',
    'livetree:encrypted:1:k1',
    'livetree:encrypted:1::AAAA',
    'livetree:encrypted:1:-k:AAAA',
    `livetree:encrypted:1:${'k'.repeat(65)}:AAAA`,
    'livetree:encrypted:1:k1:AAAA',
    'livetree:encrypted:1:k1:',
    'Livetree:encrypted:1:k1:AAAA',
  ])('%s is malformed, and the reason quotes nothing', (text) => {
    const parsed = parseEnvelope(text)
    expect(parsed).toMatchObject({ type: 'malformed' })
    expect(JSON.stringify(parsed)).not.toContain('k1')
  })
})

describe('parseKeys', () => {
  const bytes = Buffer.alloc(32, 0xfb)

  test.each([
    ['hexadecimal', bytes.toString('hex')],
    ['base64', bytes.toString('base64')],
    ['base64 without =', bytes.toString('base64').replace('=', '')],
    ['base64url', bytes.toString('base64url')],
  ])('%s', (_name, text) => {
    expect(keyBytes(text)).toEqual(bytes)
    const parsed = parseKeys(`\uFEFF# of November\r\n\r\nk1:${text}\r\n${text}\n`)
    if (parsed.type !== 'keys') throw new Error(parsed.problem)
    expect(parsed.keys.map(({ id }) => id)).toEqual(['k1', expect.stringMatching(/^k[0-9a-f]{12}$/)])
    expect(parsed.keys.every(({ key }) => key.export().equals(bytes))).toBe(true)
  })

  test.each([
    ['k1:c2hvcnQ=', 'line 1 has no key of 32 bytes'],
    [`ok:${bytes.toString('hex')}\nk2:${bytes.toString('hex')}00`, 'line 2 has no key of 32 bytes'],
    [`a b:${bytes.toString('hex')}`, 'line 1 has an id that is none'],
    ['correct horse battery staple', 'line 1 has no key of 32 bytes'],
  ])('%j is refused without quoting it', (text, problem) => {
    const parsed = parseKeys(text)
    if (parsed.type !== 'problem') throw new Error('It has keys.')
    expect(parsed.problem).toContain(problem)
    expect(parsed.problem).not.toContain('horse')
  })

  test('a set of keys shows their ids and nothing else', () => {
    const keys = new KeySet({ keys: [keyFrom('k1', bytes)] })
    for (const text of [
      inspect(keys, { depth: 9, showHidden: true }),
      JSON.stringify(keys),
      JSON.stringify({ ...keys }),
    ])
      for (const form of ['hex', 'base64', 'base64url'] as const)
        expect(text).not.toContain(bytes.toString(form))
    expect(inspect(keys)).toContain('k1')
  })
})
