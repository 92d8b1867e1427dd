import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { type Readable, Transform } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTestConfig, defineConfig } from '@livetree/core'
import express, { type Express, type RequestHandler } from 'express'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { serve } from '../../../test/support/serve.ts'
import { configMiddleware } from './config-middleware.ts'

withoutOpenHandles()

const shop = defineConfig({ name: 'shop', schema: z.object({ greeting: z.string(), price: z.number() }) })
const openConfig = async () => {
  const config = await createTestConfig(shop, { greeting: 'hello', price: 1 })
  onTestFinished(() => config.close())
  return config
}
type ShopConfig = Awaited<ReturnType<typeof openConfig>>

/** The app, served until the test is over. */
async function listen(app: Express): Promise<string> {
  const served = await serve(app)
  onTestFinished(() => served[Symbol.asyncDispose]())
  return served.url
}

/** What a piece of code sees of the configuration, in words. */
const seen = (config: ShopConfig) => `${config.pinned().greeting}@${config.pinnedSnapshot().version}`

/** Writes down what the route sees, changes the configuration in between, and answers with all of it. */
const tellTwice =
  (config: ShopConfig, wait: () => Promise<unknown>): RequestHandler =>
  async (request, response) => {
    const before = [seen(config), JSON.stringify(request.config)]
    config.set({ greeting: `changed at ${config.version}` })
    await wait()
    response.json([...before, seen(config), JSON.stringify(request.config)])
  }

describe('configMiddleware', () => {
  test.each([
    ['await', () => Promise.resolve()],
    ['timers', () => sleep(1)],
    ['immediates', () => new Promise((resolve) => setImmediate(resolve))],
    ['callbacks', () => new Promise((resolve) => process.nextTick(resolve))],
  ])('a request sees one state across %s, the next one the newest', async (_kind, wait) => {
    const config = await openConfig()
    const app = express().use(configMiddleware(config)).get('/', tellTwice(config, wait))
    const url = await listen(app)
    const first = await (await fetch(url)).json()
    const state = JSON.stringify({ greeting: 'hello', price: 1 })
    expect(first).toEqual(['hello@1', state, 'hello@1', state])
    const second = (await (await fetch(url)).json()) as string[]
    expect(second[0]).toBe('changed at 1@2')
    expect(second[2]).toBe('changed at 1@2')
  })

  test('without it a request sees the change: the check above can fail', async () => {
    const config = await openConfig()
    const app = express().get(
      '/',
      tellTwice(config, () => Promise.resolve()),
    )
    const [before, , after] = (await (await fetch(await listen(app))).json()) as string[]
    expect([before, after]).toEqual(['hello@1', 'changed at 1@2'])
  })

  test.each([
    ['one', (config: ShopConfig) => configMiddleware(config, { pin: 'request' }), (value: unknown) => value],
    [
      'several by their names',
      (config: ShopConfig) => configMiddleware({ shop: config }, { pin: 'request' }),
      (value: unknown) => ({ shop: value }),
    ],
  ])("pin: 'request' fills req.config alone, for %s, and pinned() follows changes", async (_, pin, held) => {
    const config = await openConfig()
    const app = express()
      .use(pin(config))
      .get(
        '/',
        tellTwice(config, () => sleep(1)),
      )
    const state = JSON.stringify(held({ greeting: 'hello', price: 1 }))
    const first = await (await fetch(await listen(app))).json()
    expect(first).toEqual(['hello@1', state, 'changed at 1@2', state])
  })

  test("pin: 'request' before 'async': a request keeps its first snapshot in both", async () => {
    const config = await openConfig()
    const app = express().use(configMiddleware(config, { pin: 'request' }))
    app.use((_request, _response, next) => {
      config.set({ greeting: 'changed' })
      next()
    })
    app.use(configMiddleware(config))
    app.post('/', (request, response) => {
      request.on('end', () => response.json([seen(config), request.config]))
      request.resume()
    })
    const answer = await fetch(await listen(app), { method: 'POST', body: 'x' })
    expect(await answer.json()).toEqual(['hello@1', { greeting: 'hello', price: 1 }])
  })

  test("listeners of the request's body and of the response's end are in the pin too", async () => {
    const config = await openConfig()
    const sights: string[] = []
    const isOver = Promise.withResolvers<void>()
    const app = express().use(configMiddleware(config))
    app.post('/', (request, response) => {
      request.on('data', (chunk) => sights.push(`${chunk} ${seen(config)}`))
      request.on('end', () => response.end(seen(config)))
      response.on('finish', () => sights.push(`finish ${seen(config)}`))
      response.on('close', () => {
        sights.push(`close ${seen(config)}`)
        isOver.resolve()
      })
    })
    const call = httpRequest(await listen(app), { method: 'POST' })
    call.write('one')
    await expect.poll(() => sights).toEqual(['one hello@1'])
    config.set({ greeting: 'changed' })
    call.end('two')
    const [reply] = (await once(call, 'response')) as [Readable]
    expect(await text(reply)).toBe('hello@1')
    await isOver.promise
    expect(sights).toEqual(['one hello@1', 'two hello@1', 'finish hello@1', 'close hello@1'])
    expect(seen(config)).toBe('changed@2')
  })

  test('a stream the body is piped through is in the pin', async () => {
    const config = await openConfig()
    const stamp = () =>
      new Transform({ transform: (chunk, _encoding, done) => done(null, `${chunk} ${seen(config)};`) })
    const app = express().use(configMiddleware(config))
    app.post('/', (request, response) => void pipeline(request, stamp(), response))
    const call = httpRequest(await listen(app), { method: 'POST' })
    call.write('one')
    const [reply] = (await once(call, 'response')) as [Readable]
    config.set({ greeting: 'changed' })
    call.end('two')
    expect(await text(reply)).toBe('one hello@1;two hello@1;')
  })

  test('what a response is fed from is in the pin, also when it went on because the client had read', async () => {
    const config = await openConfig()
    const big = 'x'.repeat(256 * 1024)
    const app = express().use(configMiddleware(config))
    app.get('/', (_request, response) => {
      let written = 0
      const write = () => {
        written++
        // until the connection is full: what follows is called by its drain
        if (response.write(`${big}\n`) && written < 1_000) return write()
        config.set({ greeting: 'changed' })
        response.once('drain', () => response.end(seen(config)))
      }
      write()
    })
    const body = await (await fetch(await listen(app))).text()
    expect(body.slice(body.lastIndexOf('\n') + 1)).toBe('hello@1')
    expect(seen(config)).toBe('changed@2')
  })

  test('the close of a client connection is emitted inside the pin', async () => {
    const config = await openConfig()
    const sight = Promise.withResolvers<string>()
    const entered = Promise.withResolvers<void>()
    const app = express().use(configMiddleware(config))
    app.get('/', (_request, response) => {
      response.on('close', () => sight.resolve(seen(config)))
      entered.resolve()
    })
    const call = httpRequest(await listen(app)).on('error', () => {})
    call.end()
    await entered.promise
    config.set({ greeting: 'changed' })
    call.destroy()
    expect(await sight.promise).toBe('hello@1')
  })

  test('a parsed body does not lose the pin', async () => {
    const config = await openConfig()
    const app = express().use(configMiddleware(config), express.json())
    app.post(
      '/',
      tellTwice(config, () => Promise.resolve()),
    )
    const body = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }
    const [before, , after] = (await (await fetch(await listen(app), body)).json()) as string[]
    expect([before, after]).toEqual(['hello@1', 'hello@1'])
  })

  test('requests that follow each other on one connection each see their own state', async () => {
    const config = await openConfig()
    const app = express()
      .use(configMiddleware(config))
      .get('/:n', (request, response) => {
        const before = seen(config)
        config.set({ greeting: `after ${request.params.n}` })
        setImmediate(() => response.end(`[${before} ${seen(config)}]`))
      })
    const { port } = new URL(await listen(app))
    const socket = connect(Number(port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    const ask = (n: number) => `GET /${n} HTTP/1.1\r\nhost: localhost\r\n\r\n`
    socket.write(ask(1) + ask(2))
    await expect.poll(() => received.match(/\[.*?\]/g)).toHaveLength(2)
    socket.write(ask(3))
    await expect.poll(() => received.match(/\[.*?\]/g)).toHaveLength(3)
    // the second came while the first was on its way, and the third after both
    expect(received.match(/\[.*?\]/g)).toEqual([
      '[hello@1 hello@1]',
      '[after 1@2 after 1@2]',
      '[after 2@3 after 2@3]',
    ])
  })

  test('mounted twice, a request keeps its first pin', async () => {
    const config = await openConfig()
    const app = express().use(configMiddleware(config))
    app.use((_request, _response, next) => {
      config.set({ greeting: 'changed' })
      next()
    })
    app.use(configMiddleware(config))
    app.get('/', (request, response) => void response.json([seen(config), request.config]))
    const [inContext, onRequest] = (await (await fetch(await listen(app))).json()) as [string, object]
    expect(inContext).toBe('hello@1')
    expect(onRequest).toEqual({ greeting: 'hello', price: 1 })
  })

  test('several are pinned by their names, and req.config holds each of them', async () => {
    const one = await openConfig()
    const other = await openConfig()
    const app = express().use(configMiddleware({ one, other }))
    app.get('/', async (request, response) => {
      const before = JSON.stringify(request.config)
      one.set({ greeting: 'one' })
      other.set({ greeting: 'other' })
      await sleep(1)
      response.json([
        before,
        JSON.stringify(request.config),
        seen(one),
        seen(other),
        Object.isFrozen(request.config),
      ])
    })
    const state = { greeting: 'hello', price: 1 }
    const held = JSON.stringify({ one: state, other: state })
    const url = await listen(app)
    expect(await (await fetch(url)).json()).toEqual([held, held, 'hello@1', 'hello@1', true])
    const [later] = (await (await fetch(url)).json()) as string[]
    expect(later).toBe(
      JSON.stringify({ one: { ...state, greeting: 'one' }, other: { ...state, greeting: 'other' } }),
    )
  })

  test('two configurations are pinned side by side', async () => {
    const one = await openConfig()
    const other = await openConfig()
    const app = express().use(configMiddleware(one), configMiddleware(other))
    app.get('/', async (_request, response) => {
      one.set({ greeting: 'one' })
      other.set({ greeting: 'other' })
      await sleep(1)
      response.json([seen(one), seen(other)])
    })
    expect(await (await fetch(await listen(app))).json()).toEqual(['hello@1', 'hello@1'])
  })
})
