import { describe, expect, test } from 'vitest'
import { headerOf, keptHeaders, withDefault } from './request-headers.ts'

type Headers = Parameters<typeof keptHeaders>[0]

const pairs = [
  ['X-Key', 'k1'],
  ['x-many', ['a', 'b']],
] as const

describe.each<[string, () => Headers]>([
  ['an iterator', () => new Map<string, unknown>(pairs).entries() as unknown as Headers],
  [
    'a generator',
    () =>
      (function* () {
        yield* pairs
      })() as unknown as Headers,
  ],
  ['a Map', () => new Map<string, unknown>(pairs) as unknown as Headers],
  ['an object', () => Object.fromEntries(pairs) as unknown as Headers],
  ['a flat list', () => pairs.flat() as unknown as Headers],
])('header fields given as %s', (_, given) => {
  test('can be read again and again', () => {
    const kept = keptHeaders(given())
    expect([headerOf(kept, 'x-key'), headerOf(kept, 'x-key')]).toEqual(['k1', 'k1'])
    const sent = ['X-Key', 'k1', 'x-many', ['a', 'b'], 'host', 'orders.service']
    expect(withDefault(kept, 'host', 'orders.service')).toEqual(sent)
    expect(withDefault(kept, 'host', 'orders.service')).toEqual(sent)
  })
})

test('the host of the caller stays', () => {
  const headers = { Host: 'example.org' }
  expect(withDefault(headers, 'host', 'orders.service')).toBe(headers)
})

test.each<[unknown]>([[1], [['a']], [['a', 'b', 'c']], ['ab']])('%j is refused as a pair', (given) => {
  expect(() => keptHeaders(new Set([given]) as unknown as Headers)).toThrow(/key-value pair/)
})
