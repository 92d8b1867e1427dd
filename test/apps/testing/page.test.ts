import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runBounded } from '../../../scripts/etcd/run-bounded.ts'

const page = readFileSync(new URL('../../../docs/testing.md', import.meta.url), 'utf8')
const shown = [...page.matchAll(/```ts\n\/\/ (\S+)[^\n]*\n([\s\S]*?)```/g)]

test('docs/testing.md: every sample is a file that is tried', () => {
  expect(shown).toHaveLength(page.split('```ts\n').length - 1)
  expect(shown.map(([, path]) => path)).toEqual(
    expect.arrayContaining(['shop.ts', 'shop.test.ts', 'store.test.ts', 'clock.test.ts', 'shop.node.ts']),
  )
  for (const [, path = '', code] of shown)
    expect(code, path).toBe(readFileSync(new URL(path, import.meta.url), 'utf8'))
})

test('docs/testing.md: the sample of node:test passes', async () => {
  const file = fileURLToPath(new URL('shop.node.ts', import.meta.url))
  const { stdout, code } = await runBounded(process.execPath, ['--test', file], { timeoutMs: 60_000 })
  expect(stdout).toContain('pass 2\n')
  expect(code).toBe(0)
})
