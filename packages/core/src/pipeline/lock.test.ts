import { createHmac } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { acceptedValue, read, staged } from './staged.test.kit.ts'

/** The one value a schema gives for a text, as the configuration serves it. */
function served<V>(schema: z.ZodType<V>, text = ''): V {
  return (read(z.object({ it: schema }), { it: text }) as { it: V }).it
}

const toBuffer = z.string().transform((text) => Buffer.from(text))
const toWords = z.string().transform((text) => Uint16Array.from(text, (letter) => letter.charCodeAt(0)))
const toUrl = z.string().transform((text) => new URL(text))
const toParameters = z.string().transform((text) => new URLSearchParams(text))

/** A class of bytes with something of its own. */
class Key extends Uint8Array {
  readonly #secret = 'own'
  get own(): string {
    return this.#secret
  }
}

test('bytes of a class of its own stay what they are, are not read twice, and give copies only', () => {
  const { patch } = staged(z.object({ it: z.instanceof(Key), n: z.number() }))
  const of = (tree: object) => (acceptedValue(patch(0, { ...tree })) as { it: Key }).it
  const key = of({ it: 'a2V5LWtleQ==', n: '1' })
  expect([key instanceof Key, key.own, Buffer.from(key).toString()]).toEqual([true, 'own', 'key-key'])
  key.subarray(0).fill(0)
  new Uint8Array(key.buffer).fill(0)
  key.slice(0).fill(0)
  key.map(() => 0)
  expect(Buffer.from(key).toString()).toBe('key-key')
  expect(of({ n: '2' })).toBe(key)
  expect(of({ it: 'a2V5LWtleQ==\n' })).toBe(key)
  expect(Buffer.from(of({ it: 'b3RoZXI=' })).toString()).toBe('other')
})

describe('what Object.freeze does not reach cannot be written either', () => {
  const key = 'a2V5LWtleQ=='
  const writes: [string, z.ZodType, string, (value: never) => unknown][] = [
    ['fill', z.instanceof(Uint8Array), key, (bytes: Uint8Array) => bytes.fill(0)],
    ['set', z.instanceof(Uint8Array), key, (bytes: Uint8Array) => bytes.set([0])],
    ['reverse', z.instanceof(Uint8Array), key, (bytes: Uint8Array) => bytes.reverse()],
    ['sort', z.instanceof(Uint8Array), key, (bytes: Uint8Array) => bytes.sort()],
    ['copyWithin', z.instanceof(Uint8Array), key, (bytes: Uint8Array) => bytes.copyWithin(0, 1)],
    ['class of its own.fill', z.instanceof(Key), key, (bytes: Key) => bytes.fill(0)],
    [
      'callback.fill',
      z.instanceof(Key),
      key,
      (bytes: Key) => bytes.forEach((_, __, all) => void all.fill(0)),
    ],
    ['Buffer.fill', toBuffer, 'key', (bytes: Buffer) => bytes.fill(0)],
    ['Buffer.write', toBuffer, 'key', (bytes: Buffer) => bytes.write('x')],
    ['Buffer.writeUInt8', toBuffer, 'key', (bytes: Buffer) => bytes.writeUInt8(0)],
    ['Buffer.swap16', toBuffer, 'keys', (bytes: Buffer) => bytes.swap16()],
    ['words', toWords, 'key', (words: Uint16Array) => words.fill(0)],
    ['Date.setTime', z.date(), '2026-01-02', (date: Date) => date.setTime(0)],
    ['Date.setFullYear', z.date(), '2026-01-02', (date: Date) => date.setFullYear(1999)],
    ['Map.set', z.map(z.string(), z.number()), '{"a": 1}', (map: Map<string, number>) => map.set('a', 2)],
    ['Map.clear', z.map(z.string(), z.number()), '{"a": 1}', (map: Map<string, number>) => map.clear()],
    ['Set.add', z.set(z.number()), '[1]', (set: Set<number>) => set.add(2)],
    ['Set.delete', z.set(z.number()), '[1]', (set: Set<number>) => set.delete(1)],
    ['URL.search=', toUrl, 'http://a/?b=c', (url: URL) => Object.assign(url, { search: '' })],
    ['URL.href=', toUrl, 'http://a/?b=c', (url: URL) => Object.assign(url, { href: 'http://b' })],
    ['URL.searchParams.set', toUrl, 'http://a/?b=c', (url: URL) => url.searchParams.set('b', '')],
    ['URL.searchParams.sort', toUrl, 'http://a/?b=c&a', (url: URL) => url.searchParams.sort()],
    ['URLSearchParams.append', toParameters, 'b=c', (search: URLSearchParams) => search.append('b', '')],
  ]

  test.each(writes)('%s throws and changes nothing', (name, schema, text, write) => {
    const value = served(schema, text)
    const before = structuredClone(String(value))
    const other = served(schema, text)
    const what = name.split('.').at(-1)!.replace('=', '')
    const message =
      /^[a-z]/i.test(what) && schema === toWords ? /immutable/ : new RegExp(`${what}.*immutable`)
    expect(() => write(value as never)).toThrow(message)
    expect(String(value)).toBe(before)
    expect(value).toEqual(other)
  })

  test('the keys of a Map that a transform has made', () => {
    const schema = z.string().transform(
      (text) =>
        new Map<unknown, unknown>([
          [{ k: [text] }, { v: 1 }],
          [new Date(0), [2]],
        ]),
    )
    const [[object], [date]] = [...(served(schema, 'a') as Map<{ k: string[] }, unknown>)] as unknown as [
      [{ k: string[] }],
      [Date],
    ]
    expect(() => object.k.push('b')).toThrow(TypeError)
    expect(() => Object.assign(object, { k: [] })).toThrow(TypeError)
    expect(() => date.setTime(1)).toThrow(/immutable/)
  })

  test.each<[string, (bytes: Buffer) => unknown]>([
    ['buffer', (bytes) => new Uint8Array(bytes.buffer).fill(0)],
    ['subarray', (bytes) => bytes.subarray(0).fill(0)],
    ['slice', (bytes) => bytes.slice(0).fill(0)],
    [
      'buffer, transferred',
      (bytes) => structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] }),
    ],
    ['valueOf', (bytes) => Buffer.from(bytes.valueOf() as Uint8Array).fill(0)],
    ['a DataView', (bytes) => new DataView(bytes.buffer, bytes.byteOffset).setUint8(0, 0)],
    [
      'Buffer.from the same memory',
      (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).fill(0),
    ],
  ])('what %s of bytes gives is a copy', (_name, write) => {
    const value = served(toBuffer, 'secret key')
    write(value)
    expect(value.toString()).toBe('secret key')
    expect(value).toHaveLength(10)
  })

  test('a value the schema shares stays as it was and writable for its owner', () => {
    const shared = { key: Buffer.from('key'), since: new Date(5), url: new URL('http://a') }
    const schema = z.object({ it: z.string().transform(() => shared) })
    const value = (read(schema, { it: '' }) as { it: typeof shared }).it
    shared.key.fill(0)
    shared.since.setTime(0)
    shared.url.pathname = '/changed'
    expect([value.key.toString(), value.since.getTime(), value.url.pathname]).toEqual(['key', 5, '/'])
  })
})

describe('locked values work where the plain ones do', () => {
  test('bytes sign, compare, concatenate, encode, clone and read as any', async () => {
    const key = served(toBuffer, 'key')
    const plain = Buffer.from('key')
    const sign = (secret: Uint8Array) => createHmac('sha256', secret).update('x').digest('hex')
    expect(sign(key)).toBe(sign(plain))
    expect(key.equals(plain)).toBe(true)
    expect(isDeepStrictEqual(key, plain)).toBe(true)
    expect(Buffer.concat([key, key]).toString()).toBe('keykey')
    expect(Buffer.from(key).fill(0)).toEqual(Buffer.alloc(3))
    expect(key.subarray(1).toString()).toBe('ey')
    expect(Buffer.isBuffer(key)).toBe(true)
    expect([...structuredClone(new Uint8Array(key))]).toEqual([...plain])
    expect(JSON.stringify(key)).toBe(JSON.stringify(plain))
    const algorithm = { name: 'HMAC', hash: 'SHA-256' }
    const imported = await crypto.subtle.importKey('raw', key, algorithm, true, ['sign'])
    expect(Buffer.from(await crypto.subtle.exportKey('raw', imported)).toString()).toBe('key')
    expect(await new Response(key).text()).toBe('key')
    expect(served(toWords, 'key').subarray(1)).toEqual(Uint16Array.from([101, 121]))
  })

  test('a URL parses, prints, compares and is fetched as any', () => {
    const url = served(toUrl, 'http://u:p@host:80/path?a=b#c')
    const plain = new URL('http://u:p@host:80/path?a=b#c')
    expect(url instanceof URL).toBe(true)
    expect([url.href, url.username, url.search, String(url), JSON.stringify(url)]).toEqual([
      plain.href,
      plain.username,
      plain.search,
      String(plain),
      JSON.stringify(plain),
    ])
    expect(url.searchParams.get('a')).toBe('b')
    expect(new URL('/other', url).href).toBe('http://u:p@host/other')
    expect(new Request(served(toUrl, 'http://host/x')).url).toBe('http://host/x')
    expect(Object.keys(url)).toEqual([])
  })
})

test.each<[string, z.ZodType, string, string]>([
  ['Buffer', toBuffer, 'a', 'b'],
  ['typed array', toWords, 'a', 'b'],
  ['URL', toUrl, 'http://a', 'http://b'],
  ['URLSearchParams', toParameters, 'a=1', 'a=2'],
])('a %s keeps its identity beside a change, and only then', (_name, schema, text, other) => {
  const whole = z.object({ it: schema, beside: z.string() }).refine(() => true)
  const { patch } = staged(whole)
  const before = acceptedValue(patch(0, { it: text, beside: 'x' })) as { it: unknown }
  const after = acceptedValue(patch(0, { beside: 'y' })) as { it: unknown }
  expect(after).not.toBe(before)
  expect(after.it).toBe(before.it)
  const changed = acceptedValue(patch(0, { it: other })) as { it: unknown }
  expect(changed.it).not.toBe(before.it)
})

test('instances of other classes are handed on as they are, subclasses too', () => {
  class Money {
    cents = 5
  }
  class Calendar extends Date {
    readonly isWorkday = true
  }
  class Registry extends Map<string, number> {}
  class Bytes extends Uint8Array {}
  const instances = [
    new Money(),
    new Calendar(),
    new Registry(),
    new Bytes(2),
    /x/g,
    new Error('x'),
    new Blob([]),
  ]
  for (const instance of instances) expect(served(z.string().transform(() => instance))).toBe(instance)
  expect(served(z.string().transform(() => new ArrayBuffer(2)))).toBeInstanceOf(ArrayBuffer)
})
