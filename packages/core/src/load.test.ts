import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from './define-config.ts'
import type { LivetreeError } from './errors.ts'
import type { LiveConfig } from './live-config.ts'
import type { LoadOptions } from './startup/load-options.ts'
import { load } from './load.ts'
import { secret } from './schema/secret.ts'
import { file } from './source/file.ts'
import { memory } from './source/memory.ts'
import { createManualSource, type ManualSource } from './testing/manual-source.ts'
import { createTestClock, type TestClock } from './testing/test-clock.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({
    pool: z.number().max(200),
    url: secret(z.string()),
    many: z.record(z.string(), z.string()).default({}),
  }),
})

let clock: TestClock
let directory: string
let _path: string
const open: LiveConfig<unknown>[] = []

beforeEach(async () => {
  clock = createTestClock()
  directory = await mkdtemp(join(tmpdir(), 'livetree-load-'))
  _path = join(directory, 'shop.snapshot')
})
afterEach(async () => {
  for (const config of open.splice(0)) await config.close()
  await rm(directory, { recursive: true })
  expect(clock.pendingTimers).toBe(0)
})

/** Begins to load from a store that has not answered. */
function begin(options: LoadOptions = {}, store: ManualSource = createManualSource({ name: 'etcd' })) {
  const given = { sources: [store], clock, startup: { timeoutMs: 1_000 }, ...options }
  // never gives way to other work: what the store says is judged when it returns
  const loading = load(definition, given, Number.POSITIVE_INFINITY)
  loading.then(
    (config) => open.push(config),
    () => {},
  )
  return { store, loading }
}

const errorOf = (loading: Promise<unknown>) =>
  loading.then(
    () => expect.unreachable('load must reject'),
    (error: unknown) => error as LivetreeError,
  )

const GOOD = { pool: '10', url: 'hunter2' }

describe('load', () => {
  it('waits for every source', async () => {
    const other = createManualSource({ name: 'other' })
    const store = createManualSource({ name: 'etcd' })
    const { loading } = begin({ sources: [store, other] })
    store.replace(40, { pool: '10' })
    await clock.advance(999)
    expect(open).toHaveLength(0)
    other.replace(7, { url: 'x' })
    expect((await loading).current).toMatchObject({ pool: 10, url: 'x' })
  })

  it('lists all that is wrong with the tree, without secrets, and closes everything', async () => {
    const { store, loading } = begin()
    store.replace(40, { pool: '900', url: 'hunter2', many: { a: 'b' } })
    const error = await errorOf(loading)
    expect(error).toMatchObject({ code: 'invalid_config', issues: [{ pathText: 'pool', received: '"900"' }] })
    expect(error.message).toMatch(
      /^\[invalid_config\] Configuration "shop" is not valid, 1 problem:\n {2}pool: .*etcd: pool, revision 40\)$/,
    )
    expect(store.isOpen).toBe(false)

    const missing = begin()
    missing.store.replace(1, {})
    const all = await errorOf(missing.loading)
    expect(all.issues.map(({ pathText }) => pathText)).toEqual(['pool', 'url'])
    expect(all.message).toContain('2 problems')
  })

  it('rejects when time is up, naming who has not answered', async () => {
    const late = begin()
    late.store.sink.lost({ error: new Error('connection refused by 127.0.0.1:1'), isFinal: false })
    await clock.advance(1_000)
    const error = await errorOf(late.loading)
    expect(error).toMatchObject({
      code: 'startup_timeout',
      cause: { message: 'connection refused by 127.0.0.1:1' },
    })
    expect(error.message).toBe(
      '[startup_timeout] Configuration "shop" did not load within 1000 ms. Missing:\n  etcd: connection refused by 127.0.0.1:1',
    )
    expect(late.store.isOpen).toBe(false)
  })

  it('does not wait for what cannot come', async () => {
    const { store, loading } = begin()
    store.sink.lost({ error: new Error('wrong password'), isFinal: true })
    expect(await errorOf(loading)).toMatchObject({
      code: 'source_unavailable',
      cause: { message: 'wrong password' },
    })
  })

  it('ends by its signal', async () => {
    const abort = new AbortController()
    const { store, loading } = begin({ signal: abort.signal })
    abort.abort('deploy cancelled')
    expect(await errorOf(loading)).toMatchObject({ code: 'aborted', cause: 'deploy cancelled' })
    expect(store.isOpen).toBe(false)
    const again = begin({ signal: abort.signal })
    expect(await errorOf(again.loading)).toMatchObject({ code: 'aborted' })
  })

  it('rejects for a local file that is not there, whatever the policy', async () => {
    const sources = [file(join(directory, 'none.yaml'), { pollMs: 0 }), createManualSource({ name: 'etcd' })]
    const loading = definition.load({ sources, clock, startup: { onUnavailable: 'defaults' } })
    const error = await errorOf(loading)
    expect(error.code).toBe('source_unavailable')
    expect(error.message).toContain('none.yaml: there is no such file')
  })

  it('wraps a source that throws when it is opened', async () => {
    const store = createManualSource()
    const open = (): never => {
      throw new Error('no socket')
    }
    const error = await errorOf(definition.load({ sources: [store, { ...memory(), open }] }))
    expect(error).toMatchObject({ code: 'source_broken', cause: { message: 'no socket' } })
    expect(store.isOpen).toBe(false)
  })

  it.each<[string, LoadOptions, RegExp]>([
    ['no sources', { sources: [] }, /there are no sources/],
    ['sources of one name', { sources: [memory(), memory()] }, /two sources are named "memory"/],
    [
      'a policy that is none',
      { startup: { onUnavailable: 'hope' as 'fail' } },
      /onUnavailable = "hope"; expected one of/,
    ],
    ['a snapshot policy without a path', { startup: { onUnavailable: 'snapshot' } }, /snapshot\.path/],
    ['an empty path', { snapshot: { path: '' } }, /snapshot\.path = an empty text/],
    ['an empty key', { snapshot: { path: 'x', key: '' } }, /snapshot\.key = an empty text/],
    ['a snapshot without a path', { snapshot: {} as never }, /snapshot\.path does not say/],
    [
      'an option nobody knows',
      { startup: { onUnavailble: 'snapshot' } as never },
      /"startup\.onUnavailble"\. Did you mean "onUnavailable"/,
    ],
    ['what is no source', { sources: [memory] as never }, /sources\[0\] is not a source/],
    ['options that are none', { startup: 'fail' as never }, /startup = a text; expected an object/],
    ['a negative time', { staleAfterMs: -1 }, /staleAfterMs = -1; expected a number of milliseconds/],
    ['a time that is no number', { startup: { timeoutMs: Number.NaN } }, /startup\.timeoutMs = NaN/],
  ])('refuses %s', async (_what, options, expected) => {
    const error = await errorOf(definition.load({ sources: [memory(GOOD)], ...options }))
    expect(error.code).toBe('invalid_options')
    expect(error.message).toMatch(expected)
  })

  it('takes the sources of the definition, made anew by each load', async () => {
    let made = 0
    const withSources = defineConfig({
      name: 'shop',
      schema: definition.schema,
      sources: () => {
        made++
        return [memory(GOOD)]
      },
    })
    for (const _round of [1, 2]) {
      await using config = await withSources.load()
      expect(config.current.pool).toBe(10)
    }
    expect(made).toBe(2)
  })
})
