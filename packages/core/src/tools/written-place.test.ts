import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { secret } from '../schema/secret.ts'
import type { LayerInfo } from '../source/source.ts'
import { keyOfPath, pathOfKey, placesOfKey } from './tree-keys.ts'
import { writeValue } from './write-value.ts'

const text = z.string()
const definition = defineConfig({
  name: 'x',
  naming: 'kebab-case',
  schema: z.object({
    limits: z.object({ maxConn: z.number().optional() }).catchall(z.number()),
    texts: z.record(text, text),
    secrets: z.record(text, secret(text)),
    byNumber: z.record(z.number(), text),
    lower: z.record(text.toLowerCase(), text),
    flags: z.map(z.boolean(), text),
    counts: z.map(z.number(), text),
    list: z.array(text),
    any: z.any(),
    deep: z.record(text, z.record(text, text)),
  }),
})
const tree: LayerInfo = { name: 'etcd:/x', keyPrefix: '/x/', separator: '/', naming: 'stored' }

test.each<[(string | number)[], unknown]>([
  [['limits', 'max-conn'], 5],
  [['texts', '__proto__'], 'x'],
  [['texts', ''], ''],
  [['texts', ''], 'x'],
  [['texts', '\ud800'], 'x'],
  [['texts', '.livetree'], 'x'],
  [['deep', '.livetree', 'allow-removal'], 'x'],
  [['secrets', 'toJSON'], 'x'],
  [['byNumber', '01'], 'x'],
  [['lower', 'ABC'], 'x'],
  [['flags', 'yes'], 'x'],
  [['counts', '05'], 'x'],
  [['list', 'x'], 'x'],
  [['list', '-1'], 'x'],
  [['any', ...Array<string>(200).fill('x')], 'x'],
])('writeValue: refuses the path %j, which no key is read as', (path, value) => {
  expect(() => writeValue(definition, path, value)).toThrow(/\[invalid_path\]/)
})

test.each<[(string | number)[], unknown, string]>([
  [['limits', 'maxConn'], 5, 'limits/max-conn'],
  [['limits', 'other'], 5, 'limits/other'],
  [['texts', 'a/b'], 'x', 'texts/a%2Fb'],
  [['texts', 'toJSON'], 'x', 'texts/toJSON'],
  [['byNumber', '1'], 'x', 'by-number/1'],
  [['lower', 'abc'], 'x', 'lower/abc'],
  [['flags', 'true'], 'x', 'flags/true'],
  [['counts', 5], 'x', 'counts/5'],
  [['list', 7], 'x', 'list/7'],
  // Items are in the order of their numbers, be there zeros before them.
  [['list', '007'], 'x', 'list/007'],
])('writeValue: writes the path %j', (path, value, key) => {
  expect(writeValue(definition, path, value)).toEqual([{ path, key, text: 'x' === value ? 'x' : '5' }])
})

test("livetree's own directory is no place of the configuration", () => {
  const open = defineConfig({ name: 'x', schema: z.record(text, z.record(text, text)) })
  expect(() => writeValue(open, '', { '.livetree': { 'allow-removal': '1' } })).toThrow(/\.livetree/)
  expect(() => keyOfPath(open, ['.livetree', 'allow-removal'], tree)).toThrow(/own keys/)
  expect(() => pathOfKey(open, '/x/.livetree/allow-removal', tree)).toThrow(/own keys/)
  expect(() => pathOfKey(open, '/x/a/b/.livetree/allow-removal', tree)).toThrow(/own keys/)
  for (const key of ['/x/.livetree', '/x/a/.livetree'])
    expect(() => pathOfKey(open, key, tree)).toThrow(/own keys/)
  expect(placesOfKey(open, '/x/.livetree/allow-removal', [tree])).toEqual([])
  expect(() => keyOfPath(open, ['a', '\ud800'], tree)).toThrow(/surrogate/)
})

test('writeValue: refuses a value whose shared parts come to millions', () => {
  let value: unknown = 'x'
  for (let level = 0; level < 30; level++) value = { a: value, b: value }
  expect(() => writeValue(definition, 'any', value)).toThrow(/repeats its parts/)
})
