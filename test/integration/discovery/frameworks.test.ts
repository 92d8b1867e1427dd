import 'reflect-metadata'
import { createServer } from 'node:http'
import type { Discovery, ServiceView } from '@livetree/discovery'
import { discovery as discoverable } from '@livetree/fastify/discovery'
import { DiscoveryModule, InjectService } from '@livetree/nestjs/discovery'
import { Controller, Get, Module, Post } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import express from 'express'
import fastify from 'fastify'
import { Agent, request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { discoveryOn } from './discovery-kit.ts'

/** An app that listens and is registered, and how it is ended. */
interface RunningApp {
  end(): Promise<void>
}

const SHUTDOWN = { propagationMs: 1_500, drainMs: 30_000 }

async function startFastify(discovery: Discovery): Promise<RunningApp> {
  const app = fastify()
  app.register(discoverable, { discovery, service: 'shop' })
  app.all('/', async () => 'ok')
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { end: () => app.shutdown(SHUTDOWN) }
}

async function startServingFastify(discovery: Discovery): Promise<RunningApp> {
  const app = fastify({ return503OnClosing: false })
  const { propagationMs } = SHUTDOWN
  app.register(discoverable, { discovery, service: 'shop', return503OnClosing: false, propagationMs })
  app.all('/', async () => 'ok')
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { end: () => app.close() }
}

async function startExpress(discovery: Discovery): Promise<RunningApp> {
  const app = express()
  app.all('/', (_, response) => void response.send('ok'))
  const server = app.listen(0, '127.0.0.1')
  const registration = await discovery.register({ service: 'shop', server })
  return { end: () => registration.shutdown(SHUTDOWN) }
}

class ShopController {
  answer(): string {
    return 'ok'
  }
}
const answer = Object.getOwnPropertyDescriptor(ShopController.prototype, 'answer') as PropertyDescriptor
Get('/')(ShopController.prototype, 'answer', answer)
Controller()(ShopController)

class PostController {
  answer(): string {
    return 'ok'
  }
}
const posted = Object.getOwnPropertyDescriptor(PostController.prototype, 'answer') as PropertyDescriptor
Post('/')(PostController.prototype, 'answer', posted)
Controller()(PostController)

function nestModule(
  discovery: Discovery,
  services: readonly string[] = [],
  providers: (new (view: never) => object)[] = [],
) {
  class AppModule {}
  const { propagationMs } = SHUTDOWN
  const imports = [
    DiscoveryModule.forRoot({ discovery, services, register: { service: 'shop' }, propagationMs }),
  ]
  Module({ imports, controllers: [ShopController, PostController], providers })(AppModule)
  return AppModule
}

const startNest = (adapter: () => ExpressAdapter | FastifyAdapter) => async (discovery: Discovery) => {
  const app = await NestFactory.create(nestModule(discovery), adapter() as ExpressAdapter, { logger: false })
  await app.listen(0, '127.0.0.1')
  return { end: () => app.close() }
}

oneEtcd('a framework', (etcd) => {
  withoutOpenHandles()

  test.each<[string, (discovery: Discovery) => Promise<RunningApp>]>([
    ['Fastify with app.shutdown()', startFastify],
    ['Fastify with return503OnClosing: false', startServingFastify],
    ['Express', startExpress],
    ['Nest on Express', startNest(() => new ExpressAdapter())],
    ['Nest on Fastify', startNest(() => new FastifyAdapter())],
  ])('%s: is registered when it listens, and fails no request when it ends', async (_, start) => {
    const server = await etcd.start()
    const { discovery } = discoveryOn(server.endpoint)
    const consumer = discoveryOn(server.endpoint).discovery
    const view = await consumer.openService('shop')
    const dispatcher = consumer.dispatcher()
    const old = await start(discovery)
    await waitFor(() => view.status.counts.ready === 1, { what: 'the first instance' })
    let isEnding = false
    let sent = 0
    const failures: unknown[] = []
    const callers = Array.from({ length: 6 }, async (_, caller) => {
      while (!isEnding) {
        sent += 1
        const method = caller % 2 === 0 ? 'POST' : 'GET'
        await request('http://shop.service/', { dispatcher, method }).then(
          async ({ statusCode, body }) => {
            await body.dump()
            if (statusCode >= 300) failures.push(statusCode)
          },
          (error: unknown) => failures.push(error),
        )
      }
    })
    const next = await start(discovery)
    await waitFor(() => view.status.counts.ready === 2, { what: 'the second instance' })
    await old.end()
    isEnding = true
    await Promise.all(callers)
    expect(failures).toEqual([])
    expect(sent).toBeGreaterThan(50)
    await view.fresh()
    expect(view.endpoints).toHaveLength(1)
    await next.end()
    await view.fresh()
    expect(view.endpoints).toEqual([])
  })

  test('Nest injects the view of a service, and closes it', async () => {
    const server = await etcd.start()
    const { discovery, client } = discoveryOn(server.endpoint)
    await client.kv.put('services/orders/a', '{"Op":0,"Addr":"10.0.0.1:80","Metadata":null}')
    class Consumer {
      readonly orders: ServiceView
      constructor(orders: ServiceView) {
        this.orders = orders
      }
    }
    InjectService('orders')(Consumer, undefined, 0)
    const app = await NestFactory.create(nestModule(discovery, ['orders'], [Consumer]), { logger: false })
    await app.init()
    const { orders } = app.get(Consumer)
    expect(orders.endpoints.map(({ address }) => address)).toEqual(['10.0.0.1:80'])
    await app.close()
    expect(orders.status.state, 'also an app that never listened ends').toBe('closed')
  })

  test('a bare close of Fastify deregisters and warns', async () => {
    const server = await etcd.start()
    const { discovery, client } = discoveryOn(server.endpoint)
    const lines: string[] = []
    const app = fastify({
      logger: { level: 'warn', stream: { write: (line: string) => void lines.push(line) } },
    })
    app.register(discoverable, { discovery, service: 'bare' })
    await app.listen({ port: 0, host: '127.0.0.1' })
    await waitFor(() => app.registration?.state === 'registered')
    await app.close()
    expect(await client.kv.count({ prefix: 'services/bare/' })).toBe(0)
    expect(lines.join('')).toContain('without app.shutdown()')
  })

  test('options that are wrong fail the start of an app, and what fails later is a process warning', async () => {
    const server = await etcd.start()
    const { discovery } = discoveryOn(server.endpoint)
    const invalid = { code: 'invalid_option' }
    const start = (options: object) => {
      const app = fastify()
      app.register(discoverable, { discovery, service: 'strict', ...options })
      onTestFinished(() => app.close())
      return app.listen({ port: 0, host: '127.0.0.1' })
    }
    await expect(start({ service: 'Strict' })).rejects.toMatchObject(invalid)
    await expect(start({ weihgt: 1 })).rejects.toMatchObject(invalid)
    // What the adapter gives itself is no option of it.
    for (const own of [{ signal: new AbortController().signal }, { server: createServer() }]) {
      await expect(start(own)).rejects.toMatchObject(invalid)
      const register = { service: 'shop', ...own }
      expect(() => DiscoveryModule.forRoot({ discovery, register })).toThrow(/there is no option s/)
    }
    const foreign = [{ regster: { service: 'shop' } }, { propagationMs: '1s' }, { services: 'orders' }]
    for (const odd of [...foreign, { discovery: undefined }, { discovery: {} }, { register: 'shop' }]) {
      const wrong = { discovery, ...odd } as never
      expect(() => DiscoveryModule.forRoot(wrong), JSON.stringify(odd)).toThrow(
        /^\[invalid_option\] DiscoveryModule.forRoot: /,
      )
    }
    for (const odd of [{ discovery: undefined }, { return503OnClosing: 'false' }, { propagationMs: '1s' }])
      await expect(start(odd)).rejects.toMatchObject(invalid)
    expect(() => discovery.interceptor({ fallback: new Agent() } as object)).toThrow(/no option fallback/)
    const closing = fastify()
    await closing.register(discoverable, { discovery, service: 'strict' })
    await expect(closing.shutdown({ close: async () => {} } as object)).rejects.toMatchObject(invalid)
    await closing.close()
    expect(() => DiscoveryModule.forRoot({ discovery, register: { service: 'a/b' } })).toThrow('service')
    const warnings: string[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const ready = () => {
      throw new Error('not today')
    }
    await start({ ready })
    await waitFor(() => warnings.length > 0)
    expect(warnings).toEqual(['The app could not be registered: not today'])
  })

  test('an app that is closed while it is being registered is not registered afterwards', async () => {
    const server = await etcd.start()
    const { discovery, client } = discoveryOn(server.endpoint)
    const app = fastify()
    app.register(discoverable, { discovery, service: 'early' })
    await app.listen({ port: 0, host: '127.0.0.1' })
    await app.shutdown({ propagationMs: 0 })
    const nest = await NestFactory.create(nestModule(discovery), { logger: false })
    await nest.listen(0, '127.0.0.1')
    await nest.close()
    await discovery.close()
    expect(await client.kv.count({ prefix: 'services/' })).toBe(0)
  })
})
