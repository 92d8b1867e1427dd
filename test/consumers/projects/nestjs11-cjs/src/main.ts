import 'reflect-metadata'
import { getConfigToken, InjectConfig, LivetreeModule, liveProvider, OnConfigChange } from '@livetree/nestjs'
import { LivetreeHealthIndicator } from '@livetree/nestjs/terminus'
import { Controller, Get, Inject, Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus'
import { Test } from '@nestjs/testing'
import {
  type ConfigOf,
  createTestConfig,
  defineConfig,
  type LiveConfig,
  type Resource,
  type TestConfig,
} from 'livetree'
import assert from 'node:assert/strict'
import { z } from 'zod'

const shop = defineConfig({
  name: 'shop',
  schema: z.object({ greeting: z.string(), db: z.object({ max: z.number() }) }),
})
type Shop = ConfigOf<typeof shop>

@Injectable()
class Greeter {
  told: string[] = []

  constructor(
    @InjectConfig(shop) readonly config: LiveConfig<Shop>,
    @Inject('pool') readonly pool: Resource<{ size: number }>,
  ) {}

  @OnConfigChange(shop, (c) => c.greeting)
  greet(next: string, previous: string) {
    this.told.push(`${previous} to ${next}`)
  }
}

@Controller()
class ShopController {
  constructor(
    readonly greeter: Greeter,
    readonly health: HealthCheckService,
    readonly livetree: LivetreeHealthIndicator,
  ) {}

  @Get()
  async greeting() {
    const before = this.greeter.config.pinned().greeting
    ;(this.greeter.config as TestConfig<Shop, Shop>).set({ greeting: 'changed' })
    await Promise.resolve()
    const size = await this.greeter.pool.use((pool) => pool.size)
    return [before, this.greeter.config.pinned().greeting, size]
  }

  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.livetree.isHealthy('config')])
  }
}

const pool = liveProvider('pool', { of: shop, select: (c) => c.db, create: (db) => ({ size: db.max }) })

async function main() {
  for (const platform of ['express', 'fastify'] as const) {
    const config = await createTestConfig(shop, { greeting: 'hello', db: { max: 1 } })

    @Module({
      imports: [
        LivetreeModule.forRoot({ config, isGlobal: true }),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [ShopController],
      providers: [Greeter, pool, LivetreeHealthIndicator],
    })
    class AppModule {}

    const app =
      platform === 'express'
        ? await NestFactory.create(AppModule, { logger: ['error'], abortOnError: false })
        : await NestFactory.create(AppModule, new FastifyAdapter(), {
            logger: ['error'],
            abortOnError: false,
          })
    await app.listen(0, '127.0.0.1')
    const url = await app.getUrl()
    assert.deepEqual(await (await fetch(url)).json(), ['hello', 'hello', 1])
    assert.deepEqual(app.get(Greeter).told, ['hello to changed'])
    config.set({ db: { max: 2 } })
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(await (await fetch(url)).json(), ['changed', 'changed', 2])
    config.disconnect()
    const ready = await fetch(`${url}/ready`)
    assert.equal(ready.status, 200)
    assert.match(JSON.stringify(await ready.json()), /"reason":"[^"]+/)
    await app.close()
    assert.equal(config.health.state, 'closed')

    const fake = await createTestConfig(shop, { greeting: 'fake', db: { max: 9 } })
    const testing = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(getConfigToken(shop))
      .useValue(fake)
      .compile()
    await testing.init()
    assert.equal(testing.get(Greeter).config.current.greeting, 'fake')
    await testing.close()
  }
  console.log('ok')
}

void main()
