import { createAdmin } from '@livetree/admin'
import { createConsole } from '@livetree/console'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import { defineConfig, etcd } from 'livetree'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import * as z from 'zod'

let client: EtcdClient
let pages: ReturnType<typeof createConsole>

beforeAll(async () => {
  const server = await startEmbeddedEtcd()
  client = createEtcdClient({ endpoints: [server.endpoint] })
  const definition = defineConfig({
    name: 'shop',
    schema: z.object({ texts: z.record(z.string(), z.string()).default({}) }),
    sources: () => [etcd({ client, root: '/config/shop', overlays: ['base'] })],
  })
  const admin = createAdmin(definition)
  pages = createConsole({ admin: admin as never, authorize: () => ({ user: 'ana' }) })
  afterAll(async () => {
    await pages.close()
    await admin.close()
    await client.close()
    await server.close()
  })
})

const ask = (method: string, signal?: AbortSignal) =>
  pages.fetch(new Request('http://any.example/api/events?live=1', { method, ...(signal && { signal }) }))

/** Writes some 150 kB in one revision. */
async function writeMuch(round: number): Promise<void> {
  const puts = Array.from({ length: 100 }, (_, index) =>
    op.put(`/config/shop/base/texts/t${index}`, `${round} `.padEnd(1_500, 'x')),
  )
  await client.kv
    .txn()
    .then(...puts)
    .commit()
}

/** The timers that were set and not cleared while something ran. */
async function timersLeft(run: () => Promise<unknown>): Promise<number> {
  const set = vi.spyOn(globalThis, 'setInterval')
  const cleared = vi.spyOn(globalThis, 'clearInterval')
  try {
    await run()
    const gone = new Set(cleared.mock.calls.map(([timer]) => timer))
    return set.mock.results.filter(({ value }) => !gone.has(value as NodeJS.Timeout)).length
  } finally {
    vi.restoreAllMocks()
  }
}

test('whoever asks for the head alone leaves no stream open', async () => {
  const left = await timersLeft(async () => {
    for (let count = 0; count < 5; count++) {
      const response = await ask('HEAD')
      expect([response.status, response.body]).toEqual([200, null])
    }
  })
  expect(left).toBe(0)
  const reader = new AbortController()
  expect(await timersLeft(() => ask('GET', reader.signal))).toBe(1)
  reader.abort()
})

test('a stream that nobody reads ends, and has no more than a bounded part of what was written', async () => {
  const response = await ask('GET')
  const other = new AbortController()
  const reader = (await ask('GET', other.signal)).body?.getReader()
  // A stream that is read shows when a write has come to both: what comes together is one event, however large.
  for (let round = 0; round < 40; round++) {
    await writeMuch(round)
    for (let text = ''; !text.includes(`${round} xxx`); ) {
      const { done, value } = (await reader?.read()) ?? { done: true }
      if (done) throw new Error('the stream that is read has ended')
      text += Buffer.from(value).toString()
    }
  }
  other.abort()
  const sent = Buffer.from(await response.arrayBuffer())
  expect(sent.length).toBeGreaterThan(2 ** 20)
  expect(sent.length).toBeLessThan(8 * 2 ** 20)
  // What was read is whole, so that the page goes on from there.
  expect(sent.toString().endsWith('\n\n')).toBe(true)
})
