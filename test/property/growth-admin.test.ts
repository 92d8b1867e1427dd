import { defineConfig } from '@livetree/core'
import { expect, test, vi } from 'vitest'
import * as z from 'zod'
import { AddedKeys } from '../../packages/admin/src/change/added-keys.ts'
import { parseDotenv } from '../../packages/admin/src/transfer/dotenv.ts'
import { parseYaml } from '../../packages/admin/src/transfer/parse-yaml.ts'
import { treeOf } from '../../packages/admin/src/transfer/plain-tree.ts'
import { editedLayer } from '../support/edit-layer.ts'
import { expectLinear, type Part } from '../support/expect-linear.ts'
import { isLongRun } from '../support/run-length.ts'

const COUNT = isLongRun ? 60_000 : 20_000
/** A parser that compares each name with all before it is quick up to here. */
const YAML_COUNT = 60_000
const countOf = (part: Part) => (part === 'whole' ? COUNT : COUNT / 4)
const times = <T>(part: Part, item: (index: number) => T): T[] =>
  Array.from({ length: countOf(part) }, (_, index) => item(index))

const nodes = (part: Part, item: (index: number) => string): string[] =>
  Array.from({ length: part === 'whole' ? YAML_COUNT : YAML_COUNT / 4 }, (_, index) => item(index))

test.each<[string, (part: Part) => string]>([
  ['names of a block', (part) => nodes(part, (index) => `key${index}: ${index}`).join('\n')],
  ['names on one line', (part) => `{${nodes(part, (index) => `key${index}: ${index}`).join(', ')}}`],
  [
    'names of JSON',
    (part) =>
      JSON.stringify(Object.fromEntries(nodes(part, (index) => `k${index}`).map((name) => [name, 'v']))),
  ],
  ['anchors', (part) => nodes(part, (index) => `key${index}: &a${index} 1`).join('\n')],
  ['aliases', (part) => `a: &a 1\nb:\n${nodes(part, () => '- *a').join('\n')}`],
  [
    'aliases of anchors of their own',
    (part) => nodes(part, (index) => `a${index}: &a${index} 1\nb${index}: *a${index}`).join('\n'),
  ],
  ['objects that are merged', (part) => `a: &a {x: 1}\nb:\n  <<: [${nodes(part, () => '*a').join(', ')}]`],
])('YAML with many %s', async (what, make) => {
  await expectLinear(what, (part) => {
    const text = make(part)
    return () => parseYaml(text)
  })
})

test.each<[string, string]>([
  ['blank lines', '\n'],
  ['comments', '# words\n'],
  ['variables', 'A=1\n'],
  ['open quotes', `A='\n`],
])('dotenv with many %s', async (what, unit) => {
  await expectLinear(what, (part) => {
    const text = unit.repeat(countOf(part))
    return () => parseDotenv(text)
  })
})

const record = defineConfig({
  name: 'shop',
  schema: z.object({ r: z.record(z.string(), z.record(z.string(), z.string())) }),
})

const wide = (part: Part, text: string) =>
  Object.fromEntries(times(part, (index) => [`key${index}`, { a: text }]))

test.each<[string, (part: Part) => Readonly<Record<string, string>>]>([
  ['keys', () => ({})],
  ['a document that has them', (part) => ({ r: JSON.stringify(wide(part, 'x')) })],
  ['a document that has none of them', () => ({ r: '{}' })],
])('many names into %s', async (what, stored) => {
  await expectLinear(`imported into ${what}`, (part) => {
    const { edit, edits } = editedLayer(record, stored(part))
    const tree = treeOf({ r: wide(part, 'y') })
    return () => {
      edit.setTree([], tree)
      edit.prune()
      edits()
    }
  })
  await expectLinear(`set one by one into ${what}`, (part) => {
    const { edit, edits } = editedLayer(record, stored(part))
    return () => {
      for (const path of times(part, (index) => ['r', `key${index}`, 'a'])) edit.set(path, 'y')
      edits()
    }
  })
  await expectLinear(`given as variables to ${what}, and taken away`, (part) => {
    const { edit, edits } = editedLayer(record, stored(part))
    return () => {
      for (const path of times(part, (index) => ['r', `key${index}`, 'a'])) edit.setText(path, 'y')
      for (const path of times(part, (index) => ['r', `key${index}`])) edit.unset(path)
      edits()
    }
  })
})

test.each<[string, (index: number) => string]>([
  ['in one directory', (index) => `/shop/r/key${index}`],
  ['in a directory each', (index) => `/shop/r/key${index}/a`],
])('many added keys %s', async (what, keyOf) => {
  await expectLinear(what, (part) => {
    const added = new AddedKeys()
    return () => {
      for (const index of times(part, (each) => each)) {
        added.add(keyOf(index))
        expect([...added.below(`${keyOf(index)}/`)]).toHaveLength(0)
      }
      expect([...added.below('/shop/r/')]).toHaveLength(countOf(part))
    }
  })
})

test('an added key of many directories takes no entry of the index for each', () => {
  const added = new AddedKeys()
  const key = `/shop/${'/'.repeat(1_500_000)}x`
  const set = vi.spyOn(Map.prototype, 'set')
  added.add(key)
  const { calls } = set.mock
  set.mockRestore()
  // One and a half million of them took 600 MB.
  expect(calls.length).toBeLessThan(1_000)
  expect([...added.below(key.slice(0, -1))]).toEqual([key])
  expect([...added.below(`${key}/`)]).toEqual([])
})
