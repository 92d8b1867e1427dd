import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { compare, createEtcdClient, EtcdError, op } from '@livetree/etcd'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'

const readme = readFileSync(
  fileURLToPath(new URL('../../../packages/etcd/README.md', import.meta.url)),
  'utf8',
)
const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!)

const library: Readonly<Record<string, unknown>> = { compare, createEtcdClient, EtcdError, op }

/** Runs a block as it stands, but for its import and the endpoint. Gives what it logged. */
const run = async (block: string, endpoint: string): Promise<string[]> => {
  const names = /import \{ (.*) \} from '@livetree\/etcd'/.exec(block)?.[1]?.split(', ') ?? []
  const body = stripTypeScriptTypes(block.replace(/^import .*$/gm, ''), { mode: 'strip' })
  const lines: string[] = []
  const log = { log: (...parts: unknown[]) => lines.push(parts.map(String).join(' ')) }
  const source = `return (async () => {${body.replaceAll('http://127.0.0.1:2379', endpoint)}})()`
  const values = names.map((name) => library[name])
  await new Function('console', ...names, source)(log, ...values)
  return lines
}

clientEtcds('the README of @livetree/etcd', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer

  beforeAll(async () => {
    server = await etcd.start()
  })

  afterAll(() => server.close())

  test('has code that runs and says what it should', async () => {
    expect(blocks).toHaveLength(3)
    const [reads, transaction, everyday] = blocks
    expect(await run(reads!, server.endpoint)).toEqual([
      expect.stringMatching(/^8080 \d+$/),
      '/app/port 8080',
      '/app/port',
    ])
    expect(await run(transaction!, server.endpoint)).toEqual([expect.stringMatching(/^port 8080 at \d+$/)])
    expect(await run(transaction!, server.endpoint)).toEqual(['held by me'])
    expect(await run(everyday!, server.endpoint)).toEqual(['green', 'somebody was here before'])
  })

  test('lists only options that exist', () => {
    const options = [...readme.split('## Options')[1]!.matchAll(/^\| (`.*?`) \|/gm)].flatMap((match) =>
      [...match[1]!.matchAll(/`(\w+)`/g)].map((name) => name[1]),
    )
    expect(options.length).toBeGreaterThan(10)
    for (const name of options) {
      const given = { endpoints: 'a', [name!]: undefined }
      expect(() => createEtcdClient(name === 'endpoints' ? { endpoints: 'a' } : given)).not.toThrow()
    }
  })
})
