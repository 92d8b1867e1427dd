import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { runBounded } from './etcd/run-bounded.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-summary-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function run(files: Record<string, string>): Promise<{ lastLine: string; code: number | undefined }> {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const reporter = fileURLToPath(new URL('./summary-reporter.ts', import.meta.url))
  const args = ['run', '--globals', `--root=${folder}`, `--reporter=${reporter}`, ...Object.keys(files)]
  const result = await runBounded('vitest', args, { cwd: folder, timeoutMs: 28_000 })
  return { lastLine: result.stdout.trimEnd().split('\n').at(-1) ?? '', code: result.code }
}

test('the last line of a run counts what passed, failed and was skipped, and what broke outside of tests', async () => {
  expect(await run({ 'good.test.js': "test('a', () => {}); test('b', () => {})" })).toEqual({
    lastLine: '2 passed, 0 failed',
    code: 0,
  })
  const broken = await run({
    'mixed.test.js': "test('a', () => {}); test('b', () => { throw Error('no') }); test.skip('c', () => {})",
    'unloadable.test.js': "throw Error('no')",
    'hook.test.js': "describe('d', () => { beforeAll(() => { throw Error('no') }); test('e', () => {}) })",
  })
  expect(broken).toEqual({ lastLine: '1 passed, 3 failed, 2 skipped', code: 1 })
})
