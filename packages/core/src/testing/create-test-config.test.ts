import { describe, expect, it, vi } from 'vitest'
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
    const notified: number[] = []
    config.watch(
      (value) => value.http.timeoutMs,
      (next) => notified.push(next),
    )
    expect(config.set({ http: { timeoutMs: 6 }, features: { a: true } })?.changes).toHaveLength(2)
    expect(config.set({ http: { timeoutMs: 6 } })).toBeUndefined()
    expect(config.set({ features: { a: undefined } })?.changes).toMatchObject([{ type: 'removed' }])
    for (let timeoutMs = 7; timeoutMs <= 3_000; timeoutMs++) {
      config.set({ http: { timeoutMs } })
      expect(config.current.http.timeoutMs).toBe(timeoutMs)
    }
    expect(notified).toHaveLength(2_995)
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
    const notified: string[] = []
    config.on('rejected', ({ issues }) => notified.push(issues[0]!.pathText))
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
    expect(notified).toEqual(['', 'http.timeoutMs', ''])
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

describe('createTestConfig().set() in a listener', () => {
  const open = () => createTestConfig(definition, { http: { timeoutMs: 1 } })

  it.each(['watch', 'change', 'iterator'] as const)(
    'comes after the change it was called for: %s',
    async (how) => {
      await using config = await open()
      const notified: [number, number][] = []
      let inner: unknown = 'not called'
      const onChange = (timeoutMs: number) => {
        notified.push([timeoutMs, config.current.http.timeoutMs])
        if (timeoutMs === 2) inner = config.set({ http: { timeoutMs: 3 } })
      }
      if (how === 'watch') config.watch((c) => c.http.timeoutMs, onChange)
      else if (how === 'change') config.on('change', ({ next }) => onChange(next.http.timeoutMs))
      else
        void (async () => {
          for await (const { next } of config) onChange(next.http.timeoutMs)
        })()
      const outer = config.set({ http: { timeoutMs: 2 }, features: { a: true } })
      expect(outer?.next.http.timeoutMs).toBe(2)
      if (how !== 'iterator') expect(inner).toBeUndefined()
      await expect.poll(() => notified.at(-1)).toEqual([3, 3])
      // the change before it is not taken back
      expect(config.current).toMatchObject({ http: { timeoutMs: 3 }, features: { a: true } })
      expect(notified.map(([next]) => next)).toEqual([2, 3])
      config.set({ features: { b: true } })
      expect(config.current).toMatchObject({ http: { timeoutMs: 3 }, features: { a: true, b: true } })
    },
  )

  it('throws out of the outer one what the schema refuses, and the first change stays', async () => {
    await using config = await open()
    config.watch(
      (c) => c.http.timeoutMs,
      () => void config.set({ http: { port: 'eighty' as never } }),
    )
    expect(() => config.set({ http: { timeoutMs: 2 } })).toThrow(
      /refuses the values.*listener.*\n {2}http\.port:/,
    )
    expect(config.current.http).toEqual({ port: 3000, timeoutMs: 2 })
    expect(config.status.rejected).toBeUndefined()
  })

  it('mends a tree in the listener of rejected', async () => {
    await using config = await open()
    config.once('rejected', () => void config.set({ http: { timeoutMs: 4 } }))
    config.reject({ http: { timeoutMs: 'bad' } })
    expect(config.status.rejected).toBeUndefined()
    expect(config.current.http.timeoutMs).toBe(4)
  })

  it('comes after a change of another source too, and is judged', async () => {
    const defaults = memory({ http: { timeoutMs: 1 } })
    const errors: string[] = []
    await using config = await createTestConfig(definition, {}, { sources: [defaults] })
    config.on('error', ({ message }) => errors.push(message))
    config.watch(
      (c) => c.http.timeoutMs,
      (next) => {
        config.set({ features: { late: true } })
        if (next === 3) config.set({ http: { port: 'eighty' as never } })
      },
    )
    defaults.set({ http: { timeoutMs: 2 } })
    await expect.poll(() => config.current.features).toEqual({ late: true })
    expect(errors).toEqual([])
    defaults.set({ http: { timeoutMs: 3 } })
    await expect.poll(() => errors).toHaveLength(1)
    expect(errors[0]).toMatch(/\[invalid_config\].*refuses the values/)
    await expect.poll(() => config.status.rejected).toBeUndefined()
    expect(config.current.http).toEqual({ port: 3000, timeoutMs: 3 })
  })

  it('that sets without end is stopped and said', async () => {
    await using config = await open()
    config.watch(
      (c) => c.http.timeoutMs,
      (next) => void config.set({ http: { timeoutMs: next + 1 } }),
    )
    expect(() => config.set({ http: { timeoutMs: 2 } })).toThrow(/set\(\) in a listener.*without end/)
  })
})

describe('createTestConfig is clear about mistakes', () => {
  it('and warns the process of none that it throws, also when it is closed at once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const config = await createTestConfig(definition, { http: { timeoutMs: 1 } })
    expect(() => config.set({ http: { timeoutMs: 'soon' as never } })).toThrow(/refuses/)
    await config.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })

  it('after close', async () => {
    const config = await createTestConfig(definition, { http: { timeoutMs: 1 } })
    await config.close()
    for (const call of [() => config.set({}), () => config.reject(), () => config.reject({ http: 1 })]) {
      expect(call).toThrow(/\[closed\]/)
    }
    config.heal()
    config.disconnect()
    config.reconnect()
    expect(config.current.http.timeoutMs).toBe(1)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a promise', Promise.resolve({})],
    ['a text', 'http'],
  ])('set(%s)', async (_name, patch) => {
    await using config = await createTestConfig(definition, { http: { timeoutMs: 1 } })
    expect(() => config.set(patch as never)).toThrow(
      /\[invalid_options\] set\(\) got (nothing|a promise|a text)/,
    )
  })

  it.each<[string, unknown, RegExp]>([
    ['a schema', definition.schema, /got an object.*defineConfig/],
    ['nothing', undefined, /got nothing.*defineConfig/],
    ['a promise', Promise.resolve(definition), /got a promise.*defineConfig/],
  ])('createTestConfig(%s)', async (_name, given, message) => {
    await expect(createTestConfig(given as never)).rejects.toThrow(message)
  })

  it('about keys nobody knows, as in production', async () => {
    const strict = defineConfig({ name: 'strict', schema: definition.schema, unused: 'reject' })
    const initial = { http: { timeoutMs: 1 } }
    await expect(createTestConfig(strict, { ...initial, htttp: { port: 1 } } as never)).rejects.toThrow(
      /htttp.*http/s,
    )
    await using config = await createTestConfig(strict, initial)
    expect(() => config.set({ http: { prot: 1 } } as never)).toThrow(/http\.prot.*port/s)
    expect(config.current.http.port).toBe(3000)
    await using lenient = await createTestConfig(definition, { ...initial, htttp: { port: 1 } } as never)
    expect(lenient.status.unused).toMatchObject([{ pathText: 'htttp.port' }])
  })
})
