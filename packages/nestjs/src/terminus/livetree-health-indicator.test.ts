import { createTestClock } from '@livetree/core/testing'
import { createTestConfig } from '@livetree/core'
import { Controller, Get, Inject } from '@nestjs/common'
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus'
import { expect, onTestFinished, test } from 'vitest'
import { withoutOpenHandles } from '../../../../test/support/open-handles.ts'
import { createTroubledConfig, TROUBLE } from '../../../../test/support/troubled-config.ts'
import { waitFor } from '../../../../test/support/wait-for.ts'
import { createApp, shop } from '../shop-app.test.kit.ts'
import { LivetreeHealthIndicator } from './index.ts'

withoutOpenHandles()

@Controller()
class HealthController {
  readonly health: HealthCheckService
  readonly livetree: LivetreeHealthIndicator
  constructor(
    @Inject(HealthCheckService) health: HealthCheckService,
    @Inject(LivetreeHealthIndicator) livetree: LivetreeHealthIndicator,
  ) {
    this.health = health
    this.livetree = livetree
  }
  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.livetree.isHealthy()])
  }
}

async function probe() {
  const clock = createTestClock()
  const initial = { greeting: 'hello', db: { max: 1 } }
  const config = await createTestConfig(shop, initial, { clock, maxStalenessMs: 60_000 })
  return { config, clock, ask: await serve(config) }
}

type ShopConfig = Parameters<typeof createApp>[0]

async function serve(config: ShopConfig) {
  onTestFinished(() => config.close())
  const app = await createApp(config, {
    imports: [TerminusModule.forRoot({ logger: false })],
    controllers: [HealthController],
    providers: [LivetreeHealthIndicator],
  })
  await app.listen(0, '127.0.0.1')
  const ask = async () => {
    const reply = await fetch(`${await app.getUrl()}/ready`)
    const { status, details } = (await reply.json()) as {
      status: string
      details: { config: { status?: string; reason?: string } }
    }
    return { code: reply.status, overall: status, ...details.config }
  }
  return ask
}

test('is up while the configuration is live', async () => {
  const { ask } = await probe()
  expect(await ask()).toEqual({ code: 200, overall: 'ok', status: 'up', revision: 1, staleForMs: 0 })
})

test('is degraded while the store is away, down past maxStalenessMs, and up again with the store', async () => {
  const { config, clock, ask } = await probe()
  config.disconnect('the store is gone')
  await clock.advance(1_000)
  expect(await ask()).toMatchObject({
    code: 200,
    overall: 'degraded',
    status: 'degraded',
    reason: expect.stringContaining('the store is gone'),
    staleForMs: 1_000,
  })
  await clock.advance(60_000)
  expect(await ask()).toMatchObject({ code: 503, overall: 'error', status: 'down' })
  config.reconnect()
  expect(await ask()).toMatchObject({ code: 200, status: 'up' })
})

test('is degraded while the newest tree is rejected, and down after close', async () => {
  const { config, ask } = await probe()
  config.reject()
  expect(await ask()).toMatchObject({
    code: 200,
    status: 'degraded',
    reason: expect.stringContaining('rejected'),
  })
  await config.close()
  expect(await ask()).toMatchObject({ code: 503, status: 'down', reason: expect.stringContaining('closed') })
})

test('shows path and key of a rejected tree, and a resource that failed, until both are mended', async () => {
  const { config, reject, failResource, mend } = await createTroubledConfig()
  const ask = await serve(config as unknown as ShopConfig)
  expect(await ask()).toMatchObject({ status: 'up' })
  await failResource()
  await reject()
  await waitFor(async () => TROUBLE.test((await ask()).reason ?? ''), { what: 'both in the reason' })
  expect(await ask()).toMatchObject({ status: 'degraded' })
  await mend()
  await waitFor(async () => (await ask()).status === 'up', { what: 'status up' })
  expect(await ask()).not.toHaveProperty('reason')
})
