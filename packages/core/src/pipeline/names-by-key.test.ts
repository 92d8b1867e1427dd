import { expect, test, vi } from 'vitest'
import * as z from 'zod'
import { createTestConfig } from '../testing/create-test-config.ts'
import { defineConfig } from '../define-config.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { NamesByKey } from './names-by-key.ts'

test.each<[string, readonly [key: string, name: string][], (string | undefined)[]]>([
  [
    'names that are their own keys',
    [
      ['a', 'a'],
      ['b', 'b'],
    ],
    [undefined, undefined],
  ],
  [
    'two names of one key',
    [
      ['a', 'A'],
      ['a', 'ä'],
    ],
    [undefined, 'A'],
  ],
  [
    'a name that is the key of a later one',
    [
      ['a', 'a'],
      ['b', 'b'],
      ['a', 'A'],
    ],
    [undefined, undefined, 'a'],
  ],
  [
    'a name that is the key of an earlier one',
    [
      ['a', 'A'],
      ['b', 'b'],
      ['a', 'a'],
    ],
    [undefined, undefined, 'A'],
  ],
])('NamesByKey: %s', (_, pairs, others) => {
  const names = new NamesByKey()
  expect(pairs.map(([key, name]) => names.add(key, name))).toEqual(others)
})

test('names of a record are judged once where the schema of keys has no code of its own, and removed ones anew', async () => {
  const source = createManualSource()
  const schema = z.object({ ports: z.record(z.string().regex(/^[a-z]+$/), z.number()) })
  const loading = defineConfig({ name: 'x', schema }).load({ sources: [source], logger: false })
  await expect.poll(() => source.isOpen).toBe(true)
  source.replace(1, { ports: { a: '1', b: '2' } })
  await using config = await loading
  source.patch(2, { 'ports/a': '3' })
  await expect.poll(() => config.current.ports).toEqual({ a: 3, b: 2 })
  source.patch(3, { 'ports/a': undefined, 'ports/B1': '4' })
  await expect.poll(() => config.status.rejected?.issues[0]?.message).toContain('Invalid key in record')
  source.patch(4, { 'ports/B1': undefined, 'ports/c': '5' })
  await expect.poll(() => config.current.ports).toEqual({ b: 2, c: 5 })
})

test('names of a record are judged with each change where the schema of keys has code of its own', async () => {
  const isTaken = vi.fn((key: string) => key !== 'taken')
  const schema = z.object({ ports: z.record(z.string().refine(isTaken), z.number()) })
  await using config = await createTestConfig(defineConfig({ name: 'x', schema }), { ports: { a: 1 } })
  isTaken.mockReturnValue(false)
  expect(() => config.set({ ports: { a: 2 } })).toThrow()
  expect(config.current.ports).toEqual({ a: 1 })
})
