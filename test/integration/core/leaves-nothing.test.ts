import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, env, file } from '@livetree/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { countOpenHandles, expectNoMoreHandlesThan } from '../../support/open-handles.ts'
import { runNode } from '../../support/run-node.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-core-'))
  await writeFile(join(directory, 'config.yaml'), 'pool: 1\n')
  await writeFile(join(directory, '.env'), 'PROCESS_TEST_NAME=x\n')
})
afterEach(() => rm(directory, { recursive: true }))

const definition = defineConfig({ name: 'process', schema: z.object({ pool: z.number() }), unused: 'ignore' })
const sources = () => [
  file(join(directory, 'config.yaml')),
  env({ prefix: 'PROCESS_TEST_', dotenv: [join(directory, '.env')] }),
]

test('a process that has loaded, used and closed everything ends by itself (P11)', async () => {
  const script = new URL('./process.ts', import.meta.url)
  const { code, output } = await runNode(script, { LIVETREE_TEST_DIRECTORY: directory })
  expect(output).toBe('pool 1, limit 4\nclosed\n')
  expect(code).toBe(0)
  expect((await stat(join(directory, 'process.snapshot'))).isFile()).toBe(true)
})

// files are polled every 5 s: what is still there after a second was left behind
test('after close no watcher, timer or file is open (P11)', async () => {
  const before = countOpenHandles()
  for (let round = 0; round < 5; round++) {
    const config = await definition.load({ sources: sources() })
    await config.refresh()
    await config.close()
  }
  await expectNoMoreHandlesThan(before, 1_000)
})

test('a load that fails leaves as little (P11)', async () => {
  const before = countOpenHandles()
  await writeFile(join(directory, 'config.yaml'), 'pool: many\n')
  await expect(definition.load({ sources: sources() })).rejects.toMatchObject({ code: 'invalid_config' })
  await rm(join(directory, 'config.yaml'))
  await expect(definition.load({ sources: sources() })).rejects.toMatchObject({ code: 'source_unavailable' })
  await expectNoMoreHandlesThan(before, 1_000)
})

test('a load that is aborted at any turn of the event loop leaves nothing, and settles (P8, P11)', async () => {
  const before = countOpenHandles()
  const outcomes = new Set<string>()
  for (let turns = 0; turns < 60; turns++) {
    const abort = new AbortController()
    const loading = definition.load({ sources: sources(), signal: abort.signal, logger: false }).then(
      async (config) => {
        await config.close()
        return 'loaded'
      },
      ({ code }: { code: string }) => code,
    )
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    abort.abort()
    outcomes.add(await loading)
  }
  expect(outcomes).toContain('aborted')
  expect([...outcomes].filter((outcome) => outcome !== 'aborted' && outcome !== 'loaded')).toEqual([])
  await expectNoMoreHandlesThan(before, 1_000)
})
