import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { createDiscovery, defineService, discoveryErrorCodes } from '@livetree/discovery'
import { createEtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'

const path = fileURLToPath(new URL('../../../packages/discovery/README.md', import.meta.url))
const readme = readFileSync(path, 'utf8')
const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')

/** Runs a sample as it stands, but for its imports and the endpoint. `onSignal` receives what SIGTERM would call. */
async function run(block: string, endpoint: string, lines: string[], onSignal = (_: () => unknown) => {}) {
  const library = { createServer, createDiscovery, defineService, createEtcdClient, z }
  const process = { once: (_: string, handler: () => unknown) => onSignal(handler) }
  const console = { log: (...parts: unknown[]) => lines.push(parts.map(String).join(' ')) }
  const body = stripTypeScriptTypes(block.replace(/^import .*$/gm, ''), { mode: 'strip' })
  const source = `return (async () => {${body.replaceAll('http://127.0.0.1:2379', endpoint)}})()`
  const names = Object.keys(library)
  await new Function('console', 'process', ...names, source)(console, process, ...Object.values(library))
}

oneEtcd('the README of @livetree/discovery', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  beforeAll(async () => {
    server = await etcd.start()
  })
  afterAll(() => server.close())

  test('has samples that run together and say what they should', async () => {
    const [provider, consumer, typed] = blocks
    expect(blocks).toHaveLength(3)
    const lines: string[] = []
    let terminate: () => unknown = () => undefined
    await run(provider ?? '', server.endpoint, lines, (handler) => (terminate = handler))
    await run(consumer ?? '', server.endpoint, lines)
    await terminate()
    await run(typed ?? '', server.endpoint, lines)
    expect(lines).toEqual(['registered true', '200 42 orders', '200 42 orders live', '3'])
    const client = createEtcdClient({ endpoints: [server.endpoint] })
    await waitFor(async () => (await client.kv.count({ prefix: 'services/' })) === 0)
    await client.close()
  })

  test('names every error code', () => {
    for (const code of Object.keys(discoveryErrorCodes)) expect(readme).toContain(`\`${code}\``)
  })
})
