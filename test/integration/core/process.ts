// Run in a process of its own by leaves-nothing.test.ts: everything that has a life of its own, then close.
import { createManualSource } from '@livetree/core/testing'
import { defineConfig, env, file, live, memory } from '@livetree/core'
import * as z from 'zod'

const { LIVETREE_TEST_DIRECTORY: directory = '' } = process.env
const definition = defineConfig({
  name: 'process',
  schema: z.object({ pool: z.number(), limit: z.number().default(1), name: z.string().default('') }),
})
const store = createManualSource({ name: 'store' })
const loading = definition.load({
  sources: [
    file(`${directory}/config.yaml`),
    env({ prefix: 'PROCESS_TEST_', dotenv: [`${directory}/.env`] }),
    memory(),
    store,
  ],
  snapshot: { path: `${directory}/process.snapshot`, key: 'k' },
  startup: { timeoutMs: 60_000 },
  staleAfterMs: 60_000,
})
store.replace(1, { limit: '2' })
const config = await loading
config.on('change', () => {})
const pool = await config.resource((value) => value.pool, { create: (size) => ({ size }), jitterMs: 60_000 })
const limiter = live(
  config,
  (value) => value.limit,
  (limit) => limit,
)
const waiting = config.changed({ timeoutMs: 60_000 }).catch((error: Error) => error.message)
store.patch(2, { pool: '3', limit: '4' })
void (async () => {
  for await (const change of config) console.log(`iterated ${change.revision}`)
})()
// a rebuild waits by its jitter, a snapshot waits to be written, the file is polled, silence is watched
console.log(`pool ${pool.current.size}, limit ${limiter.current}`)
await config.close()
await waiting
console.log('closed')
