import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { memory } from '../source/memory.ts'
import { createTestConfig } from './create-test-config.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({
    http: z.object({ port: z.number().default(3000), timeoutMs: z.number() }),
    tags: z.array(z.string()).default([]),
    features: z.record(z.string(), z.boolean()).default({}),
  }),
})

describe('createTestConfig', () => {
  it('is a live configuration made from parts', async () => {
    await using config = await createTestConfig(definition, { http: { timeoutMs: 5 } })
    expect(config.current).toEqual({ http: { port: 3000, timeoutMs: 5 }, tags: [], features: {} })
    expect(config.status).toMatchObject({ state: 'live', revision: 1 })
  })

  it('lists what is missing', async () => {
    await expect(createTestConfig(definition)).rejects.toMatchObject({
      code: 'invalid_config',
      issues: [{ pathText: 'http.timeoutMs' }],
    })
  })

  it('stands on other sources', async () => {
    const sources = [memory({ http: { timeoutMs: 1, port: 1 } })]
    await using config = await createTestConfig(definition, { http: { port: 2 } }, { sources })
    expect(config.current.http).toEqual({ timeoutMs: 1, port: 2 })
  })

  it('set fires real changes, in service when it returns, however many', async () => {
    await using config = await createTestConfig(definition, { http: { timeoutMs: 5 } })
    const told: number[] = []
    config.watch(
      (value) => value.http.timeoutMs,
      (next) => told.push(next),
    )
    expect(config.set({ http: { timeoutMs: 6 }, features: { a: true } })?.changes).toHaveLength(2)
    expect(config.set({ http: { timeoutMs: 6 } })).toBeUndefined()
    expect(config.set({ features: { a: undefined } })?.changes).toMatchObject([{ type: 'removed' }])
    for (let timeoutMs = 7; timeoutMs <= 3_000; timeoutMs++) {
      config.set({ http: { timeoutMs } })
      expect(config.current.http.timeoutMs).toBe(timeoutMs)
    }
    expect(told).toHaveLength(2_995)
  })

  it('set throws for what the schema refuses, and nothing has changed', async () => {
    await using config = await createTestConfig(definition, { http: { timeoutMs: 5 } })
    const before = config.current
    expect(() => config.set({ http: { timeoutMs: 'soon' as never } })).toThrow(
      '[invalid_config] Configuration "shop" refuses the values:\n  http.timeoutMs:',
    )
    expect(config.current).toBe(before)
    expect(config.status.rejected).toBeUndefined()
  })

  it('reject plays a bad write, heal takes it back', async () => {
    await using config = await createTestConfig(definition, { http: { timeoutMs: 5 } })
    const told: string[] = []
    config.on('rejected', ({ issues }) => told.push(issues[0]!.pathText))
    const before = config.current
    expect(config.reject().issues).toMatchObject([{ code: 'unreadable' }])
    expect(config.reject({ http: { timeoutMs: 'soon' } }).issues).toMatchObject([{ received: '"soon"' }])
    expect(config.health).toMatchObject({ isReady: true, reason: expect.stringContaining('rejected') })
    expect(config.current).toBe(before)
    config.heal()
    expect(config.status.rejected).toBeUndefined()
    config.reject()
    config.set({ http: { timeoutMs: 6 } })
    expect(config.current.http.timeoutMs).toBe(6)
    expect(() => config.reject({ http: { timeoutMs: 7 } })).toThrow(
      'accepts the values that were meant to be rejected',
    )
    expect(config.current.http.timeoutMs).toBe(6)
    expect(told).toEqual(['', 'http.timeoutMs', ''])
  })

  it('disconnect plays a store that is gone, reconnect brings it back', async () => {
    await using config = await createTestConfig(definition, { http: { timeoutMs: 5 } })
    config.disconnect('no route')
    expect(config.status.state).toBe('stale')
    expect(config.health.reason).toContain('no route')
    config.set({ http: { timeoutMs: 6 } })
    expect(config.status.state).toBe('live')
    config.disconnect()
    config.reconnect()
    expect(config.status.state).toBe('live')
  })

  it('leaves no timer and no handle', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name !== 'Immediate')
    const config = await createTestConfig(definition, { http: { timeoutMs: 5 } })
    config.set({ http: { timeoutMs: 6 } })
    expect(process.getActiveResourcesInfo().filter((name) => name !== 'Immediate')).toEqual(before)
    await config.close()
  })
})
