import diagnostics from 'node:diagnostics_channel'
import { afterEach, describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { restart } from '../schema/restart.ts'
import { secret } from '../schema/secret.ts'
import { env } from '../source/env.ts'
import { memory } from '../source/memory.ts'
import { createManualSource } from '../testing/manual-source.ts'

const schema = z.object({
  port: z.number(),
  name: z.string().default('shop'),
  list: z.array(z.number()).default([]),
})
const layers = ['base', 'prod'].map((name) => ({
  name: `etcd:/app/${name}`,
  keyPrefix: `/app/${name}/`,
  documentKey: `/app/${name}`,
  separator: '/',
  naming: 'stored' as const,
}))

async function loaded(options: { schema?: z.ZodType; unused?: 'ignore' | 'warn' } = {}) {
  const store = createManualSource({ name: 'etcd', layers })
  const program = memory({})
  const definition = defineConfig({ name: 'shop', schema: options.schema ?? schema, unused: options.unused })
  const sources = [store, env({ prefix: 'APP_', environment: { APP_NAME: 'own' } }), program]
  const loading = definition.load({ sources, logger: false })
  store.sink.replace({ revision: 7, epoch: 0, layers: [[{ path: 'port', value: '80', revision: 7 }], []] })
  return { config: await loading, store, program }
}

afterEach(() => vi.restoreAllMocks())

const prod = (key: string, value: unknown) => ({ layer: 'etcd:/app/prod', key: `/app/prod${key}`, value })

describe('LiveConfig.preview', () => {
  test('answers for this process: its layers, its schema', async () => {
    const { config } = await loaded()
    await using _ = config
    expect(config.preview([prod('/port', '81')])).toEqual({
      type: 'valid',
      changes: [{ type: 'changed', path: ['port'], pathText: 'port', previous: 80, next: 81 }],
      needsRestart: [],
      unused: [],
    })
    // a variable of this process hides it
    expect(config.preview([prod('/name', 'other')])).toMatchObject({ type: 'valid', changes: [] })
    expect(config.preview([prod('', '{"port": "x"}')])).toMatchObject({
      type: 'invalid',
      issues: [{ pathText: 'port', origins: [{ key: '/app/prod', source: 'etcd' }] }],
    })
    expect(config.preview([])).toMatchObject({ type: 'valid', changes: [] })
    const variable = { layer: 'env', key: 'APP_PORT', value: '9' }
    expect(config.preview([variable])).toMatchObject({ changes: [{ pathText: 'port', next: 9 }] })
  })

  test('needsRestart is what status.needsRestart would be then: also of earlier changes, and not of what is taken back', async () => {
    const { config, store } = await loaded({
      schema: z.object({
        port: restart(z.number()),
        mode: z.string().default('x'),
        key: restart(secret(z.string())).default('first'),
      }),
    })
    await using _ = config
    expect(config.preview([prod('/port', '81')])).toMatchObject({ needsRestart: ['port'] })
    store.sink.patch({
      revision: 8,
      changes: [{ layer: 1, leaf: { path: 'port', value: '81', revision: 8 } }],
    })
    await vi.waitFor(() => expect(config.status.needsRestart).toEqual(['port']))
    expect(config.preview([prod('/mode', 'y')])).toMatchObject({ needsRestart: ['port'] })
    expect(config.preview([prod('/key', 'second')])).toMatchObject({ needsRestart: ['port', 'key'] })
    expect(config.preview([prod('/port', '80')])).toMatchObject({ needsRestart: [] })
    expect(config.status.needsRestart).toEqual(['port'])
  })

  test.each([
    ['warn', ['typo']],
    ['ignore', []],
  ] as const)('unused is what status.unused would be then: %s', async (unused, expected) => {
    const { config, store } = await loaded({ unused })
    await using _ = config
    const typo = prod('/typo', '1')
    expect(config.preview([typo]).unused.map(({ pathText }) => pathText)).toEqual(expected)
    store.sink.patch({
      revision: 8,
      changes: [{ layer: 1, leaf: { path: 'typo', value: '1', revision: 8 } }],
    })
    await vi.waitFor(() => expect(config.status.sources[0]?.revision).toBe(8))
    expect(config.status.unused.map(({ pathText }) => pathText)).toEqual(expected)
  })

  test('changes and reports nothing: current, status, events, diagnostics', async () => {
    const { config } = await loaded()
    await using _ = config
    const events = vi.fn()
    for (const event of ['change', 'rejected', 'error', 'unused', 'live'] as const) config.on(event, events)
    const published = vi.spyOn(diagnostics.Channel.prototype, 'publish')
    const before = {
      current: config.current,
      status: JSON.stringify(config.status),
      snapshot: config.snapshot(),
    }
    config.preview([prod('/port', 'ten'), prod('/unknown', 'x')])
    config.preview([prod('/port', '81')])
    await config.refresh()
    expect(config.current).toBe(before.current)
    expect(config.snapshot()).toBe(before.snapshot)
    expect(JSON.stringify(config.status).replaceAll(/"provenAt":\d+/gu, '')).toBe(
      before.status.replaceAll(/"provenAt":\d+/gu, ''),
    )
    expect(events).not.toHaveBeenCalled()
    expect(published).not.toHaveBeenCalled()
  })

  test('what a source reports while the schema is asked is taken afterwards', async () => {
    const { config, store, program } = await loaded({
      schema: z.object({
        port: z.number(),
        mode: z
          .string()
          .default('x')
          .refine((mode) => {
            if (mode === 'y') program.set({ port: 5 })
            return true
          }),
      }),
    })
    await using _ = config
    expect(config.preview([prod('/mode', 'y')])).toMatchObject({
      type: 'valid',
      changes: [{ pathText: 'mode' }],
    })
    expect(config.current).toEqual({ port: 5, mode: 'x' })
    store.sink.patch({
      revision: 8,
      changes: [{ layer: 1, leaf: { path: 'mode', value: 'z', revision: 8 } }],
    })
    await vi.waitFor(() => expect(config.current).toEqual({ port: 5, mode: 'z' }))
  })

  test('may be called by a listener, and answers for the state it was called for', async () => {
    const { config, store } = await loaded()
    await using _ = config
    const heard = vi.fn(() =>
      expect(config.preview([prod('/port', '82')])).toMatchObject({ changes: [{ previous: 81 }] }),
    )
    config.on('change', heard)
    store.sink.patch({
      revision: 8,
      changes: [{ layer: 1, leaf: { path: 'port', value: '81', revision: 8 } }],
    })
    await vi.waitFor(() => expect(heard).toHaveReturned())
  })

  test('finds the layer of a key among those of one name; an object in a program is what it holds', async () => {
    const definition = defineConfig({
      name: 'shop',
      schema: z.object({ a: z.record(z.string(), z.number()) }),
    })
    const environment = { APP_A__X: '1', LEGACY: '2' }
    const sources = [
      memory({ a: { y: 1 } }),
      env({ prefix: 'APP_', environment, aliases: { 'a.z': 'LEGACY' } }),
    ]
    await using config = await definition.load({ sources, logger: false })
    const next = (layer: string, key: string, value: unknown) => {
      const preview = config.preview([{ layer, key, value }])
      return preview.type === 'valid' ? preview.changes.map(({ pathText }) => pathText) : preview.issues
    }
    expect(next('env', 'LEGACY', '3')).toEqual(['a.z'])
    expect(next('env', 'APP_A__X', '3')).toEqual(['a.x'])
    expect(next('memory', 'a', { y: 2, b: 3 })).toEqual(['a.y', 'a.b'])
  })

  test('answers by the rules of the source that would be written to', async () => {
    const definition = defineConfig({
      name: 'shop',
      schema: z.object({
        name: z.string().default('shop'),
        a: z.record(z.string(), z.number()).default({}),
        b: z.record(z.string(), z.number()).default({}),
      }),
      guard: { minRemoved: 2, maxRemovedShare: 0.1 },
    })
    const environment = { APP_NAME: 'own', URL: 'x' }
    const sources = [
      memory({ a: { x: 1, y: 2 }, b: {} }),
      env({ prefix: 'APP_', environment, emptyAsUnset: true, aliases: { name: 'URL' } }),
    ]
    await using config = await definition.load({ sources, logger: false })
    const next = (layer: string, key: string, value: unknown) => {
      const preview = config.preview([{ layer, key, value }])
      return preview.type === 'valid'
        ? preview.changes.map(({ pathText, next: to }) => [pathText, to])
        : preview.issues
    }
    expect(next('env', 'APP_NAME', '')).toEqual([['name', 'x']])
    expect(() => next('env', 'APP_', 'x')).toThrow('[invalid_options] preview() got the variable APP_, which')
    // `set` says that what it removes is meant to be gone
    expect(next('memory', 'a', undefined)).toEqual([
      ['a.x', undefined],
      ['a.y', undefined],
    ])
    expect(next('memory', 'b/x', 3)).toEqual([['b.x', 3]])
    expect(() => next('memory', 'a', () => 1)).toThrow(
      '[invalid_options] preview() of source "memory": got a function at "a"',
    )
  })

  test('a nested layer of a source without rules: a value takes the place of what is there', async () => {
    const layer = { name: 'own', keyPrefix: 'own:', separator: '/', naming: 'exact', isNested: true } as const
    const own = createManualSource({ name: 'own', isRemote: false, layers: [layer] })
    const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.json() }) })
    const loading = definition.load({ sources: [own], logger: false })
    own.replace(1, { a: { x: 1, y: { z: 2 } } })
    await using config = await loading
    const next = (key: string, value: unknown) => {
      const preview = config.preview([{ layer: 'own', key: `own:${key}`, value }])
      return preview.type === 'valid'
        ? preview.changes.map(({ type, pathText }) => `${type} ${pathText}`)
        : preview.issues.map(({ pathText, code }) => `${pathText} ${code}`)
    }
    expect(next('a', [1])).toEqual(['changed a'])
    expect(next('a/y', undefined)).toEqual(['removed a.y.z'])
    expect(next('a/x/deep', 3)).toEqual(['changed a.x'])
    expect(next('a/y', { z: 2, more: 1 })).toEqual(['added a.y.more'])
    expect(next('a', undefined)).toEqual(['a invalid_union'])
    expect(next('', { a: 5 })).toEqual(['changed a'])
  })

  test('says what is wrong with what it is given', async () => {
    const { config } = await loaded()
    const refused = (...given: Parameters<typeof config.preview>) => {
      expect(() => config.preview(...given)).toThrow(expect.objectContaining({ code: 'invalid_options' }))
      try {
        config.preview(...given)
      } catch (error) {
        return (error as Error).message
      }
      return ''
    }
    expect(refused([{ layer: 'prod', key: 'x', value: '' }])).toBe(
      '[invalid_options] preview() got changes[0].layer = "prod", which names no layer. There are etcd:/app/base, etcd:/app/prod, env, memory.',
    )
    expect(refused([{ layer: 'etcd:/app/prod', key: '/app/base/port', value: '' }])).toContain(
      'changes[0].key = /app/base/port, which is no key of layer etcd:/app/prod: those begin with /app/prod/',
    )
    expect(refused({} as never)).toContain('expected a list of changes')
    expect(refused(['x'] as never)).toContain('changes[0] = a text')
    expect(refused(Array(1) as never)).toContain('changes[0] = nothing')
    expect(refused([prod('/port', Promise.reject(new Error('late')))])).toContain(
      'changes[0].value = a promise',
    )
    expect(refused([], { allowRemovals: ['nothing'] })).toContain('allowRemovals = "nothing"')
    expect(refused([], { allowRemoval: true } as never)).toContain('Did you mean "allowRemovals"?')
    await config.close()
    expect(() => config.preview([])).toThrow(expect.objectContaining({ code: 'closed' }))
  })
})
