import { type ClientRequest, get, request } from 'node:http'
import { createTestConfig, defineConfig } from '@livetree/core'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { serve } from '../../../test/support/serve.ts'
import { live } from './live.ts'

withoutOpenHandles()

const api = defineConfig({ name: 'api', schema: z.object({ n: z.number().int().default(1) }) })

type Work = (...args: Parameters<RequestHandler>) => unknown

/**
 * Serves one route by a middleware whose work is `work`, and swaps it while the first request is in it. `isDisposed` says
 * whether the middleware of that request has been disposed.
 */
async function swapDuring(
  work: Work,
  { method = 'GET', last }: { method?: string; last?: ErrorRequestHandler } = {},
) {
  const config = await createTestConfig(api)
  onTestFinished(() => config.close())
  const disposed = new Set<number>()
  const entered = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const create = (n: number) =>
    Object.assign(
      ((incoming, response, next) => {
        response.once('close', () => setImmediate(closed.resolve))
        entered.resolve()
        return n === 1 ? work(incoming, response, next) : next()
      }) as RequestHandler,
      { n },
    )
  const app: Express = express()
  app.use(live(config, (c) => c.n, create, { dispose: ({ n }) => disposed.add(n) }))
  if (last !== undefined) app.use(last)
  const served = await serve(app)
  onTestFinished(() => served[Symbol.asyncDispose]())
  const call = request(served.url, { method })
  call.on('error', () => {})
  call.end()
  await entered.promise
  config.set({ n: 2 })
  return { call, closed: closed.promise, isDisposed: () => disposed.has(1), url: served.url }
}

/** Lets everything that is due happen: what would be disposed now is disposed. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function abort(call: ClientRequest, closed: Promise<void>): Promise<void> {
  call.destroy()
  await closed
  await turns()
}

function useFakeTimeouts(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
}

describe('an async middleware whose client has gone away', () => {
  test('is in use until its promise has settled', async () => {
    const gate = Promise.withResolvers<void>()
    const { call, closed, isDisposed } = await swapDuring(() => gate.promise)
    await abort(call, closed)
    expect(isDisposed()).toBe(false)
    gate.resolve()
    await expect.poll(isDisposed).toBe(true)
  })

  test('is in use until its promise has rejected, which Express handles', async () => {
    const gate = Promise.withResolvers<void>()
    const errors: unknown[] = []
    const last: ErrorRequestHandler = (error, _request, response, _next) => {
      errors.push((error as Error).message)
      response.end()
    }
    const { call, closed, isDisposed } = await swapDuring(() => gate.promise, { last })
    await abort(call, closed)
    expect(isDisposed()).toBe(false)
    gate.reject(new Error('late'))
    await expect.poll(isDisposed).toBe(true)
    expect(errors).toEqual(['late'])
  })

  test('that returns a thenable is in use until that has settled', async () => {
    const gate = Promise.withResolvers<void>()
    const thenable = () => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable of the user's
      then: (...args: Parameters<Promise<void>['then']>) => gate.promise.then(...args),
    })
    const { call, closed, isDisposed } = await swapDuring(thenable)
    await abort(call, closed)
    expect(isDisposed()).toBe(false)
    gate.resolve()
    await expect.poll(isDisposed).toBe(true)
  })

  test('was called when the client had already gone: it is in use while it runs', async () => {
    const config = await createTestConfig(api)
    onTestFinished(() => config.close())
    const disposed: number[] = []
    const gate = Promise.withResolvers<void>()
    const [isWaiting, isIn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const create = (n: number) =>
      Object.assign(
        (() => {
          isIn.resolve()
          return gate.promise
        }) as RequestHandler,
        { n },
      )
    const app = express()
    app.use((_request, response, next) => {
      response.once('close', () => setImmediate(next))
      isWaiting.resolve()
    })
    app.use(live(config, (c) => c.n, create, { dispose: ({ n }) => disposed.push(n) }))
    const served = await serve(app)
    onTestFinished(() => served[Symbol.asyncDispose]())
    const call = get(served.url)
    call.on('error', () => {})
    await isWaiting.promise
    call.destroy()
    await isIn.promise
    config.set({ n: 2 })
    await turns()
    expect(disposed).toEqual([])
    gate.resolve()
    await expect.poll(() => disposed).toEqual([1])
  })
})

describe('a middleware with callbacks whose client has gone away', () => {
  test('is in use until it ends the response', async () => {
    let end = () => {}
    const { call, closed, isDisposed } = await swapDuring((_request, response) => {
      response.write('half')
      end = () => void response.end()
    })
    await abort(call, closed)
    expect(isDisposed()).toBe(false)
    end()
    await expect.poll(isDisposed).toBe(true)
  })

  test('is in use for at most 30 seconds', async () => {
    useFakeTimeouts()
    const { call, closed, isDisposed } = await swapDuring((_request, response) => void response.write('half'))
    await abort(call, closed)
    await vi.advanceTimersByTimeAsync(29_999)
    await turns()
    expect(isDisposed()).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await expect.poll(isDisposed).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('and that throws at once is in use no longer', async () => {
    let isClosed = false
    const { call, closed, isDisposed } = await swapDuring(
      (_request, response) => {
        response.once('close', () => {
          isClosed = true
        })
        throw new Error('at once')
      },
      { last: (_error, _request, response, _next) => void response.write('half') },
    )
    await turns()
    expect([isClosed, isDisposed()]).toEqual([false, false])
    await abort(call, closed)
    await expect.poll(isDisposed).toBe(true)
  })
})

describe('a middleware that answers', () => {
  test.each<[string, Work, string?]>([
    ['by send', (_request, response) => response.send('ok')],
    ['to HEAD', (_request, response) => response.send('ok'), 'HEAD'],
    [
      'in pieces',
      (_request, response) => {
        response.write('one')
        setImmediate(() => response.end('two'))
      },
    ],
    ['by next', (_request, _response, next) => next()],
    ['by next(error)', (_request, _response, next) => next(new Error('passed on'))],
    [
      'by throwing',
      () => {
        throw new Error('thrown')
      },
    ],
    [
      'by rejecting',
      async () => {
        throw new Error('rejected')
      },
    ],
    [
      'by throwing after the response',
      (_request, response) => {
        response.send('ok')
        throw new Error('after the response')
      },
    ],
    [
      'by rejecting after the response',
      async (_request, response) => {
        response.send('ok')
        await turns()
        throw new Error('after the response')
      },
    ],
  ])('%s is disposed when the response is over', async (_how, work, method = 'GET') => {
    const silent: ErrorRequestHandler = (_error, _request, response, _next) =>
      response.headersSent ? undefined : void response.status(500).end()
    const { call, closed, isDisposed } = await swapDuring(work, { method, last: silent })
    call.on('response', (reply) => reply.resume())
    await closed
    await expect.poll(isDisposed).toBe(true)
  })

  test('goes on working after the response: it is in use until its promise has settled', async () => {
    const gate = Promise.withResolvers<void>()
    const { call, closed, isDisposed } = await swapDuring(async (_request, response) => {
      response.send('ok')
      await gate.promise
    })
    call.on('response', (reply) => reply.resume())
    await closed
    await turns()
    expect(isDisposed()).toBe(false)
    gate.resolve()
    await expect.poll(isDisposed).toBe(true)
  })
})

test('an async error handler is in use until its promise has settled', async () => {
  const config = await createTestConfig(api)
  onTestFinished(() => config.close())
  const disposed: number[] = []
  const gate = Promise.withResolvers<void>()
  const [isIn, isClosed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const create = (n: number) =>
    Object.assign(
      (async (_error, _request, response, _next) => {
        response.once('close', isClosed.resolve)
        isIn.resolve()
        await gate.promise
      }) as ErrorRequestHandler,
      { n },
    )
  const app = express()
  app.get('/', () => {
    throw new Error('broken')
  })
  app.use(live(config, (c) => c.n, create, { dispose: ({ n }) => disposed.push(n) }))
  const served = await serve(app)
  onTestFinished(() => served[Symbol.asyncDispose]())
  const call = get(served.url)
  call.on('error', () => {})
  await isIn.promise
  config.set({ n: 2 })
  await abort(call, isClosed.promise)
  expect(disposed).toEqual([])
  gate.resolve()
  await expect.poll(() => disposed).toEqual([1])
})

test('a rejection that nothing handles stays one, as without live()', async () => {
  const config = await createTestConfig(api)
  onTestFinished(() => config.close())
  const middleware = live(
    config,
    (c) => c.n,
    () => async () => Promise.reject(new Error('unhandled')),
    { dispose: () => {} },
  )
  const response = {
    closed: false,
    writableEnded: false,
    once: (_event: string, onClose: () => void) => setImmediate(onClose),
    end() {},
  }
  // Express 4 ignores what a middleware returns, so the promise that it gets must reject by itself.
  const result: unknown = middleware({} as never, response as never, () => {})
  await expect(result).rejects.toThrow('unhandled')
})
