import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import type { LayerInfo } from '../source/source.ts'
import { keyOfPath, pathOfKey, placesOfKey, removalMarkerKey } from './tree-keys.ts'
import { expectShare } from '../../../../test/support/expect-share.ts'

const schema = z.object({
  maxSize: z.number(),
  db: z.object({ URLOf: z.string(), pool: z.object({ max: z.number() }) }),
  limits: z.record(z.string(), z.object({ perHour: z.number() })),
  servers: z.array(z.object({ hostName: z.string() })),
})
const definitions = {
  exact: defineConfig({ name: 'x', schema }),
  kebab: defineConfig({ name: 'x', schema, naming: 'kebab-case' }),
}

const tree: LayerInfo = {
  name: 'etcd:/x/prod',
  keyPrefix: '/x/prod/',
  separator: '/',
  naming: 'stored',
}
const environment: LayerInfo = { name: 'env', keyPrefix: 'X_', separator: '__', naming: 'env' }
const mounted: LayerInfo = { ...tree, name: 'etcd:/db', keyPrefix: '/db/', at: 'db' }

test.each<[string, LayerInfo, string]>([
  ['db.URLOf', tree, '/x/prod/db/url-of'],
  ['limits.a/b%.perHour', tree, '/x/prod/limits/a%2Fb%25/per-hour'],
  ['servers.0.hostName', tree, '/x/prod/servers/0/host-name'],
  ['', tree, '/x/prod/'],
  ['db.pool.max', environment, 'X_DB__POOL__MAX'],
  ['limits.a.perHour', environment, 'X_LIMITS__A__PER_HOUR'],
  ['db.pool.max', mounted, '/db/pool/max'],
  ['stranger.x', tree, '/x/prod/stranger/x'],
])('keyOfPath: %s in %o', (path, layer, key) => {
  expect(keyOfPath(definitions.kebab, path, layer)).toBe(key)
})

test.each<[string | string[], LayerInfo, RegExp]>([
  [[''], tree, /would be read as ""/],
  [['limits', '__proto__'], tree, /__proto__/],
  [['limits', 'A'], environment, /would be read as "limits.a"/],
  [['limits', 'a__b'], environment, /would be read as "limits.a.b"/],
  [['limits', 'maxSize', 'x'], mounted, /mounted at "db"/],
  [['limits', 'a', 'per-hour'], tree, /would be read as "limits.a.perHour"/],
])('keyOfPath: refuses %o', (path, layer, message) => {
  expect(() => keyOfPath(definitions.kebab, path, layer)).toThrow(message)
  expect(() => keyOfPath(definitions.kebab, path, layer)).toThrow(/\[invalid_path\]/)
})

test('pathOfKey: a foreign key has no path, one that is written otherwise is refused, the prefix is the top', () => {
  expect(pathOfKey(definitions.kebab, '/x/other', tree)).toBeUndefined()
  expect(() => pathOfKey(definitions.kebab, '/x/prod/maxSize', tree)).toThrow(/not how that name is written/)
  expect(() => pathOfKey(definitions.kebab, '/x/prod/a%2', tree)).toThrow(/percent-encoded/)
  expect(pathOfKey(definitions.kebab, '/x/prod', tree)).toEqual([])
  expect(pathOfKey(definitions.kebab, '/db', mounted)).toEqual(['db'])
})

test('placesOfKey: gives every layer that has the key, and none for a key without a place', () => {
  const root: LayerInfo = { ...tree, name: 'etcd:/x', keyPrefix: '/x/' }
  expect(placesOfKey(definitions.kebab, '/x/prod/max-size', [root, tree])).toEqual([
    { layer: 0, path: ['prod', 'max-size'] },
    { layer: 1, path: ['maxSize'] },
  ])
  expect(placesOfKey(definitions.kebab, '/x/prod/maxSize', [tree])).toEqual([])
})

test('keyOfPath and pathOfKey: a path with a key comes back from it, and a key with a path too', () => {
  const name = fc.oneof(
    fc.constantFrom('db', 'pool', 'max', 'maxSize', 'max-size', 'URLOf', 'limits', 'servers', '0'),
    fc.string({ unit: 'binary', maxLength: 5 }),
    fc.constantFrom('a/b', '%2F', '%', '__proto__', 'a__b', '', '.livetree'),
  )
  const layer = fc.constantFrom(tree, environment, mounted)
  const definition = fc.constantFrom(definitions.exact, definitions.kebab)
  const given = fc.record({ path: fc.array(name, { maxLength: 4 }), layer, definition })
  let count = 0
  fc.assert(
    fc.property(given, ({ path, layer, definition }) => {
      const key = orUndefined(() => keyOfPath(definition, path, layer))
      if (key !== undefined) {
        count++
        expect(pathOfKey(definition, key, layer)).toEqual(path)
      }
      const other = layer.keyPrefix + path.join(layer.separator)
      const found = orUndefined(() => pathOfKey(definition, other, layer))
      if (found !== undefined) expect(keyOfPath(definition, found, layer)).toBe(other)
    }),
    { numRuns: 500 },
  )
  expectShare('keys', count, { of: 500, typical: 0.5 })
})

test('removalMarkerKey: stands below the tree, with or without a slash at its end', () => {
  expect(removalMarkerKey('/config/checkout')).toBe('/config/checkout/.livetree/allow-removal')
  expect(removalMarkerKey('/config/checkout//')).toBe('/config/checkout/.livetree/allow-removal')
})

function orUndefined<R>(run: () => R): R | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('[invalid_path]')) return undefined
    throw error
  }
}

test('pathOfKey: a key is the document of a layer only where the source reads it', () => {
  const own: LayerInfo = { ...tree, documentKey: '/x/prod/' }
  expect(pathOfKey(definitions.exact, '/x/prod', own)).toBeUndefined()
  expect(pathOfKey(definitions.exact, '/x/prod/', own)).toEqual([])
  expect(pathOfKey(definitions.exact, '/x/prod', { ...own, documentKey: '/x/prod' })).toEqual([])
  expect(placesOfKey(definitions.exact, '/db', [{ ...mounted, documentKey: '/db/' }])).toEqual([])
})
