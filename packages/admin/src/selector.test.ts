import { expect, test } from 'vitest'
import { pathOf } from './selector.ts'

interface Shop {
  readonly db: { readonly pool?: { readonly max: number } }
  readonly features: Readonly<Record<string, boolean>>
  readonly hosts: readonly { readonly port: number }[]
  readonly byName: ReadonlyMap<string, { readonly size: number }>
}

test('pathOf: names a place by a function, a text and segments', () => {
  expect(pathOf<Shop>((c) => c.db.pool?.max)).toEqual(['db', 'pool', 'max'])
  expect(pathOf<Shop>((c) => c.features['new-cart'])).toEqual(['features', 'new-cart'])
  expect(pathOf<Shop>((c) => c.hosts[1]?.port)).toEqual(['hosts', '1', 'port'])
  expect(pathOf<Shop>((c) => c.byName.get('a.b')?.size)).toEqual(['byName', 'a.b', 'size'])
  expect(pathOf<Shop>((c) => c)).toEqual([])
  expect(pathOf('db."a.b"')).toEqual(['db', 'a.b'])
  expect(pathOf(['db', 0])).toEqual(['db', 0])
})

test.each<[string, (config: Shop) => unknown]>([
  ['computes', (c) => Number(c.db.pool?.max) + 1],
  ['gives nothing', () => undefined],
  ['gives something else', () => 5],
  ['gives a list of places', (c) => [c.db]],
  ['calls a method', (c) => c.hosts.map((host) => host.port)],
  [
    'throws',
    () => {
      throw new Error('own')
    },
  ],
  ['prints', (c) => `${c.db}`],
])('pathOf: refuses a function that %s', (_name, selector) => {
  expect(() => pathOf<Shop>(selector)).toThrow(/\[invalid_path\]/)
})

test.each([undefined, null, 5, {}, [undefined], [{}], Symbol('x')])('pathOf: refuses %s', (given) => {
  expect(() => pathOf(given as never)).toThrow(/\[invalid_path\]/)
})

test('pathOf: refuses an async function, and leaves no rejection that ends the process', async () => {
  const rejections: unknown[] = []
  const note = (reason: unknown) => rejections.push(reason)
  process.on('unhandledRejection', note)
  expect(() => pathOf<Shop>(async (c) => c.db)).toThrow(/\[invalid_path\]/)
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.off('unhandledRejection', note)
  expect(rejections).toEqual([])
})

test('pathOf: keeps a copy of the segments', () => {
  const given = ['db', 'pool']
  const path = pathOf(given)
  given.push('max')
  expect(path).toEqual(['db', 'pool'])
})
