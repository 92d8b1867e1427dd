import { createTestClock } from '@livetree/core/testing'
import { createTestConfig, defineConfig } from '@livetree/core'
import express from 'express'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { serve } from '../../../test/support/serve.ts'
import { createTroubledConfig, expectTroubleShown } from '../../../test/support/troubled-config.ts'
import { healthHandler } from './health-handler.ts'

withoutOpenHandles()

const shop = defineConfig({ name: 'shop', schema: z.object({ greeting: z.string() }) })

async function probe(maxStalenessMs?: number) {
  const clock = createTestClock()
  const config = await createTestConfig(shop, { greeting: 'hello' }, { clock, maxStalenessMs })
  const app = express()
  app.get('/ready', healthHandler(config))
  app.get('/live', healthHandler(config, { probe: 'liveness' }))
  const served = await serve(app)
  onTestFinished(async () => {
    await config.close()
    await served[Symbol.asyncDispose]()
  })
  const ask = async (path: string) => {
    const reply = await fetch(`${served.url}${path}`)
    return { code: reply.status, ...((await reply.json()) as object) }
  }
  return { config, clock, ask }
}

test('healthHandler is ready from loading on', async () => {
  const { ask } = await probe()
  expect(await ask('/ready')).toEqual({ code: 200, status: 'up', state: 'live', revision: 1, staleForMs: 0 })
})

test('stays ready while the store is away, and says so', async () => {
  const { config, clock, ask } = await probe()
  config.disconnect('the store is gone')
  await clock.advance(3_600_000)
  expect(await ask('/ready')).toMatchObject({
    code: 200,
    status: 'up',
    state: 'stale',
    staleForMs: 3_600_000,
    reason: expect.stringContaining('the store is gone'),
  })
})

test('is not ready once staler than maxStalenessMs, and ready again with the store', async () => {
  const { config, clock, ask } = await probe(60_000)
  config.disconnect()
  await clock.advance(59_000)
  expect(await ask('/ready')).toMatchObject({ code: 200, status: 'up' })
  await clock.advance(2_000)
  expect(await ask('/ready')).toMatchObject({ code: 503, status: 'down', state: 'stale' })
  config.reconnect()
  expect(await ask('/ready')).toMatchObject({ code: 200, status: 'up', state: 'live' })
})

test('stays ready while a bad tree is rejected', async () => {
  const { config, ask } = await probe()
  config.reject()
  expect(await ask('/ready')).toMatchObject({
    code: 200,
    status: 'up',
    reason: expect.stringContaining('rejected'),
  })
})

test('is not ready after close; liveness is 200 all the while', async () => {
  const { config, ask } = await probe(0)
  config.disconnect()
  expect(await ask('/live')).toMatchObject({ code: 200, status: 'up', state: 'stale' })
  await config.close()
  expect(await ask('/ready')).toMatchObject({ code: 503, status: 'down', state: 'closed' })
  expect(await ask('/live')).toMatchObject({ code: 200, status: 'up' })
})

test('shows path and key of a rejected tree, and a resource that failed, until both are mended', async () => {
  const trouble = await createTroubledConfig()
  const { config } = trouble
  const app = express()
  app.get('/readyz', healthHandler(config))
  const served = await serve(app)
  onTestFinished(async () => {
    await config.close()
    await served[Symbol.asyncDispose]()
  })
  const ask = async () =>
    (await (await fetch(`${served.url}/readyz`)).json()) as { status: string; reason?: string }
  await expectTroubleShown(trouble, ask)
})
