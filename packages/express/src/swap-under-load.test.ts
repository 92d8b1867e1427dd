import { createTestConfig, defineConfig } from '@livetree/core'
import express, { type RequestHandler } from 'express'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { serve } from '../../../test/support/serve.ts'
import { configMiddleware } from './config-middleware.ts'
import { live } from './live.ts'

withoutOpenHandles()

const api = defineConfig({ name: 'api', schema: z.object({ n: z.number().int() }) })
const SWAPS = 1_000

test('a thousand swaps, some of which fail in every way, fail no request and keep no instance', async () => {
  const config = await createTestConfig(api, { n: 0 })
  onTestFinished(() => config.close())
  let errorCount = 0
  config.on('error', () => void errorCount++)
  const made: WeakRef<RequestHandler>[] = []
  const disposed = new Set<number>()
  const create = (n: number): RequestHandler => {
    if (n % 7 === 1) throw new Error('cannot be made')
    if (n % 7 === 2) return undefined as never
    if (n % 7 === 3) return Promise.reject(new Error('later')) as never
    const handler: RequestHandler = async (_request, response, next) => {
      await new Promise((resolve) => setImmediate(resolve))
      response.locals.n = disposed.has(n) ? 'disposed while in use' : n
      next()
    }
    made.push(new WeakRef(handler))
    return Object.assign(handler, { n })
  }
  const dispose = (old: RequestHandler) => {
    const { n } = old as RequestHandler & { readonly n: number }
    disposed.add(n)
    if (n % 7 === 4) throw new Error('cannot be disposed')
    return n % 7 === 5 ? Promise.reject(new Error('cannot be disposed later')) : undefined
  }
  const app = express().use(
    configMiddleware(config),
    live(config, (c) => c.n, create, { dispose }),
  )
  app.get('/', (_request, response) => void response.json(response.locals.n))
  const served = await serve(app)
  onTestFinished(() => served[Symbol.asyncDispose]())

  const failed: unknown[] = []
  let count = 0
  let isOver = false
  const client = async () => {
    while (!isOver) {
      const reply = await fetch(served.url)
      const body = await reply.json()
      count++
      if (reply.status !== 200 || typeof body !== 'number') failed.push([reply.status, body])
    }
  }
  const clients = Array.from({ length: 8 }, client)
  for (let n = 1; n <= SWAPS; n++) {
    config.set({ n })
    // so that each is used by some request
    if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await expect.poll(() => count, { timeout: 15_000 }).toBeGreaterThan(200)
  isOver = true
  await Promise.all(clients)
  expect(failed).toEqual([])
  expect(errorCount).toBeGreaterThan(SWAPS / 7)
  expect(disposed.size).toBe(made.length - 1)

  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const alive = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    return made.filter((one) => one.deref() !== undefined).length
  }
  await expect.poll(alive, { timeout: 15_000 }).toBeLessThan(5)
}, 60_000)

/** An app that changes the configuration in the middle of each request and writes down what it sees before and after. */
async function startApp() {
  const config = await createTestConfig(api, { n: 0 })
  onTestFinished(() => config.close())
  const sights: [number, number][] = []
  const see = async () => {
    const before = config.pinned().n
    config.set({ n: config.current.n + 1 })
    await new Promise((resolve) => setImmediate(resolve))
    sights.push([before, config.pinned().n])
  }
  const app = express().use(configMiddleware(config))
  const served = await serve(app)
  onTestFinished(() => served[Symbol.asyncDispose]())
  return { config, app, url: served.url, sights, see }
}

test('HEAD, errors and aborted requests on one connection keep their pin and leave none to the next', async () => {
  const { app, url, sights, see, config } = await startApp()
  app.get('/fine', async (_request, response) => {
    await see()
    response.send('fine')
  })
  app.get('/broken', async () => {
    await see()
    throw Object.assign(new Error('broken'), { status: 500 })
  })
  app.get('/hangs', async () => see())
  const onError: express.ErrorRequestHandler = async (_error, _request, response, _next) => {
    await see()
    response.status(500).send('broken')
  }
  app.use(onError)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const ask = async (method: string, path: string) => {
    const call = request(`${url}${path}`, { method, agent }).end()
    const [reply] = await once(call, 'response')
    reply.resume()
    await once(reply, 'end')
  }
  await ask('HEAD', '/fine')
  await ask('GET', '/broken')
  const call = request(`${url}/hangs`, { agent })
    .on('error', () => {})
    .end()
  await expect.poll(() => sights).toHaveLength(4)
  call.destroy()
  await ask('GET', '/fine')
  // one request sees one state; an error handler sees that of its request
  expect(sights).toEqual([
    [0, 0],
    [1, 1],
    [1, 1],
    [3, 3],
    [4, 4],
  ])
  expect(config.pinned()).toBe(config.current)
})

test('an upgraded connection outlives its request: it sees what runPinned says, and the newest else', async () => {
  const config = await createTestConfig(api, { n: 0 })
  onTestFinished(() => config.close())
  const sights: number[] = []
  const server = createServer(express().use(configMiddleware(config))).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n')
    socket.on('data', () => {
      sights.push(config.pinned().n)
      config.runPinned(() => {
        config.set({ n: config.current.n + 1 })
        sights.push(config.pinned().n)
      })
    })
    socket.on('end', () => socket.end())
  })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n')
  await once(socket, 'data')
  for (const count of [2, 4]) {
    socket.write('x')
    await expect.poll(() => sights).toHaveLength(count)
  }
  expect(sights).toEqual([0, 0, 1, 1])
  socket.end()
  await once(socket, 'close')
})
