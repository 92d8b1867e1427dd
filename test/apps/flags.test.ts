import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { run } from '@livetree/cli'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient } from '@livetree/etcd'
import { flagSetSchema, LivetreeProvider } from '@livetree/openfeature'
import { OpenFeature, ServerProviderEvents } from '@openfeature/server-sdk'
import { createTestConfig, defineConfig, etcd as etcdSource } from 'livetree'
import { expect, onTestFinished, test, vi } from 'vitest'
import * as z from 'zod'
import { startProgram } from '../support/running-program.ts'

const folder = fileURLToPath(new URL('../../examples/flags/', import.meta.url))

/** The rows of the table: what is typed, and what the shop prints then. */
const rows = [
  ...readFileSync(`${folder}README.md`, 'utf8').matchAll(/^\| (?:`livetree (.+)`|\(.*\)) \| (.+) \|$/gm),
]

/** The words of a command, with single quotes as a shell reads them. */
const wordsOf = (line: string) =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

test('examples/flags: each line of its table does what it says', async () => {
  const etcd = await startEmbeddedEtcd()
  onTestFinished(() => etcd.close())
  vi.stubEnv('ETCD_ENDPOINTS', etcd.endpoint)
  onTestFinished(() => void vi.unstubAllEnvs())
  const env = { ...process.env, NO_COLOR: '1', NODE_NO_WARNINGS: '1', LIVETREE_TIMEOUT: '60s' }
  /** Runs the command, in this process; returns what it prints. */
  const livetree = async (args: readonly string[]) => {
    let text = ''
    const write = (part: string, done?: () => void) => {
      text += part
      done?.()
      return true
    }
    const sink = { write }
    await run(args, { stdin: Readable.from([]), stdout: sink, stderr: sink, env, cwd: folder })
    return text
  }
  expect(await livetree(['import', 'flags.yaml', '--yes'])).toContain('Applied 6 changes')
  const shop = startProgram(process.execPath, ['src/shop.ts'], { cwd: folder, env })
  expect(rows).toHaveLength(6)
  for (const [, typed, printed = ''] of rows) {
    const result = typed === undefined ? undefined : await livetree(wordsOf(typed))
    const [expected = ''] = /`(.+?)`$/.exec(printed)?.slice(1) ?? []
    if (!printed.startsWith('nothing')) await shop.printed(expected)
    else expect(result).toContain(expected)
  }
  shop.kill('SIGTERM')
  expect(await shop.ended()).toBe(0)
  const counts = shop.lines.map((line) => Number(/on for (\d+)/.exec(line)?.[1]))
  expect(counts).toHaveLength(5)
})

/** Runs samples of the package's README as they stand, but for their imports and the endpoint. Returns what they print. */
async function runSamples(samples: readonly string[], endpoint: string): Promise<string[]> {
  const lines: string[] = []
  const library = {
    ...{ createTestConfig, defineConfig, etcd: etcdSource, flagSetSchema, LivetreeProvider },
    ...{
      OpenFeature,
      ServerProviderEvents,
      z,
      console: { log: (value: unknown) => lines.push(JSON.stringify(value)) },
    },
    isOver: (config: object) => void configs.push(config),
  }
  const configs: object[] = []
  const text = samples.join('\n').replace(/^import .*$/gm, '')
  const body = stripTypeScriptTypes(text, { mode: 'strip' }).replaceAll('http://127.0.0.1:2379', endpoint)
  const source = `return (async () => { ${body}; isOver(config) })()`
  await new Function(...Object.keys(library), source)(...Object.values(library))
  onTestFinished(() => (configs[0] as AsyncDisposable)[Symbol.asyncDispose]())
  return lines
}

test('the samples of the README of @livetree/openfeature run', async () => {
  const page = readFileSync(new URL('../../packages/openfeature/README.md', import.meta.url), 'utf8')
  const samples = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)
  expect(samples).toHaveLength(3)
  await using etcd = await startEmbeddedEtcd()
  await using client = createEtcdClient({ endpoints: [etcd.endpoint] })
  onTestFinished(() => OpenFeature.clearProviders())
  const flag = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'on' }
  const key = '/config/shop/features/flags/new-checkout'
  await client.kv.put(key, JSON.stringify(flag))
  const lines = await runSamples(samples.slice(0, 2), etcd.endpoint)
  expect(lines).toEqual(['true'])
  await client.kv.put(key, JSON.stringify({ ...flag, defaultVariant: 'off' }))
  await expect.poll(() => lines).toEqual(['true', '["new-checkout"]'])
  expect(await runSamples(samples.slice(2), etcd.endpoint)).toEqual(['true', 'false'])
})
