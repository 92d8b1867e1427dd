import { createTestConfig, defineConfig } from '@livetree/core'
import type { NextFunction, Request, Response } from 'express'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { live } from './index.ts'

const shop = defineConfig({ name: 'shop', schema: z.object({ n: z.number().default(0) }) })
const pass = (_request: Request, _response: Response, next: NextFunction) => next()

test('config.close() waits for the disposal of every instance of live()', async () => {
  const config = await createTestConfig(shop, {}, { logger: false })
  const disposed: number[] = []
  const made = new Map<object, number>()
  const { promise, resolve } = Promise.withResolvers<void>()
  const create = (n: number) => {
    const middleware = pass.bind(undefined) as typeof pass
    made.set(middleware, n)
    return middleware
  }
  live(config, (c) => c.n, create, {
    dispose: async (old) => {
      await promise
      disposed.push(made.get(old)!)
    },
  })
  config.set({ n: 1 })
  let isClosed = false
  const closing = config.close().then(() => {
    isClosed = true
  })
  await new Promise((turn) => setImmediate(turn))
  expect([isClosed, disposed]).toEqual([false, []])
  resolve()
  await closing
  expect(disposed.sort()).toEqual([0, 1])
})

test('one that was closed before is waited for as well, and is then forgotten', async () => {
  const config = await createTestConfig(shop, {}, { logger: false })
  const { promise, resolve } = Promise.withResolvers<void>()
  let isDisposed = false
  const limiter = live(
    config,
    (c) => c.n,
    () => pass.bind(undefined) as typeof pass,
    {
      dispose: () =>
        promise.then(() => {
          isDisposed = true
        }),
    },
  )
  const own = limiter.close()
  const closing = config.close()
  setImmediate(resolve)
  await closing
  expect(isDisposed).toBe(true)
  await own
})
