import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { createTestConfig } from '../testing/create-test-config.ts'
import { memory } from './memory.ts'

const definition = defineConfig({
  name: 'values',
  schema: z.object({
    db: z.object({ port: z.number().default(1) }).prefault({}),
    list: z.array(z.any()).default([]),
  }),
})

const rejecting = () => Promise.reject(new Error('nobody reads it'))

describe('what a program gives', () => {
  it.each<[string, () => object, RegExp]>([
    ['a promise', rejecting, /got a promise(; expected an object|$)/],
    ['a promise below', () => ({ db: rejecting() }), /a promise at "db"; expected a value\. Await it first/],
    ['two promises', () => ({ db: rejecting(), list: rejecting() }), /a promise at "db"/],
    ['a promise far below', () => ({ db: { port: rejecting() } }), /a promise at "db\.port"/],
    ['a promise in a list', () => ({ list: [1, [rejecting()]] }), /a promise at "list\.1\.0"/],
    ['a promise in a map', () => ({ list: [new Map([['a', rejecting()]])] }), /a promise at "list\.0\.a"/],
    ['a promise in a set', () => ({ list: [new Set([rejecting()])] }), /a promise at "list\.0\.0"/],
    ['a thenable', () => ({ db: Object.fromEntries([['then', () => {}]]) }), /a promise at "db"/],
    ['a function', () => ({ db: () => ({}) }), /a function at "db"/],
    ['an async function', () => ({ db: async () => ({}) }), /a function at "db"/],
    ['a class', () => ({ db: class {} }), /a function at "db"/],
    ['a symbol', () => ({ db: Symbol('db') }), /a symbol at "db"/],
  ])('is refused by its path: %s', async (_what, make, message) => {
    const source = memory({})
    const config = await createTestConfig(definition)
    expect(() => memory(make())).toThrow(message)
    expect(() => source.set(make())).toThrow(message)
    expect(() => source.replace(make())).toThrow(message)
    await expect(createTestConfig(definition, make())).rejects.toThrow(/promise|function|symbol/)
    expect(() => config.set(make())).toThrow(/promise|function|symbol/)
    expect(() => config.reject(make())).toThrow(/promise|function|symbol/)
    expect(config.current).toEqual({ db: { port: 1 }, list: [] })
    // an unhandled rejection fails the run
    await new Promise((resolve) => setImmediate(resolve))
    await config.close()
  })

  it('may hold itself and share its parts', () => {
    const shared = { port: 2 }
    const ring: Record<string, unknown> = { db: shared, again: shared }
    ring.ring = ring
    expect(() => memory(ring)).not.toThrow()
  })
})
