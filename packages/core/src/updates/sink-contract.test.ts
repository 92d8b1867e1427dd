import { afterEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import type { LiveConfig } from '../live-config.ts'
import { memory } from '../source/memory.ts'
import { ownCopy } from '../format/own-copy.ts'
import type { Source, SourceSink } from '../source/source.ts'

const definition = defineConfig({
  name: 'read',
  schema: z.object({
    a: z.number().default(1),
    b: z.string().default('start'),
    r: z.record(z.string(), z.unknown()).default({}),
    other: z.string().optional(),
  }),
})

const open: LiveConfig<unknown>[] = []
afterEach(async () => {
  for (const config of open.splice(0)) await config.close()
})

async function load(parts: { readonly patchOf?: () => unknown } = {}) {
  let sink: SourceSink | undefined
  const source: Source = {
    name: 'own',
    layers: [{ name: 'own', keyPrefix: 'own:', separator: '/', naming: 'exact' }],
    isRemote: true,
    open(context) {
      sink = context.sink
      sink.replace({ revision: 1, epoch: 0, layers: [[{ path: 'b', value: 'old', revision: 1 }]] })
      return { refresh: async () => {}, close: async () => {}, ...parts } as ReturnType<Source['open']>
    },
  }
  const config = await definition.load({ sources: [source], logger: false })
  open.push(config)
  return { config, sink: sink! }
}

const LEAVES = [
  { path: 'a', value: 50, revision: 5 },
  { path: 'r', value: { x: { y: [1, { z: 2 }] } }, revision: 5, key: 'own:r' },
  { path: 'b', value: 'five', revision: 5 },
]
const replacement = { revision: 5, epoch: 0, layers: [LEAVES], allowRemoval: [0], provenAt: 5, store: 's' }
const changes = LEAVES.map((leaf) => ({ layer: 0, leaf }))

/** Each call of a source that brings these leaves at revision 5. */
const CALLS: Record<string, (sink: SourceSink, own: <V>(value: V) => V) => void> = {
  replace: (sink, own) => sink.replace(own(replacement)),
  patch: (sink, own) => sink.patch(own({ revision: 5, changes, allowRemoval: [0] })),
  'add and commit'(sink, own) {
    const parts = sink.beginReplace()
    parts.add(0, own(LEAVES))
    parts.commit(own({ revision: 5, epoch: 0, store: 's', isKnown: false, resync: true }))
  },
}

/** The same value, of which every property is a getter that answers `most` times, and then does something else. */
function answering<V>(value: V, most: number, then: () => unknown, reads = new Map<string, number>()): V {
  const wrap = (part: unknown, at: string): unknown => {
    if (typeof part !== 'object' || part === null) return part
    const copy: object = Array.isArray(part) ? [] : {}
    for (const [name, inner] of Object.entries(part)) {
      const place = `${at}.${name}`
      const held = wrap(inner, place)
      const get = () => {
        const count = (reads.get(place) ?? 0) + 1
        reads.set(place, count)
        return count > most ? then() : held
      }
      Object.defineProperty(copy, name, { enumerable: true, configurable: true, get })
    }
    return copy
  }
  return wrap(value, '') as V
}

function throwLate(): never {
  throw new Error('read again')
}

describe('what a source gives is read once', () => {
  it.each(Object.keys(CALLS))('%s: every property, at every depth', async (call) => {
    const { config, sink } = await load()
    const reads = new Map<string, number>()
    CALLS[call]!(sink, (value) => answering(value, Number.POSITIVE_INFINITY, throwLate, reads))
    await config.refresh()
    expect(config.current).toMatchObject({ a: 50, b: 'five', r: { x: { y: [1, { z: 2 }] } } })
    expect(reads.size).toBeGreaterThan(10)
    expect([...reads].filter(([, count]) => count !== 1)).toEqual([])
  })

  it.each(
    Object.keys(CALLS).flatMap((call) =>
      [throwLate, () => Number.NaN, () => undefined, () => ({})].map((late) => [call, late] as const),
    ),
  )('%s: what a second look would give has no effect (%#)', async (call, late) => {
    const { config, sink } = await load()
    const errors: unknown[] = []
    config.on('error', (error) => errors.push(error))
    CALLS[call]!(sink, (value) => answering(value, 1, late))
    await config.refresh()
    expect(config.current).toMatchObject({ a: 50, b: 'five' })
    expect([config.revision, errors]).toEqual([5, []])
    sink.patch({ revision: 6, changes: [{ layer: 0, leaf: { path: 'other', value: 'six', revision: 6 } }] })
    await config.refresh()
    expect(config.current).toMatchObject({ a: 50, b: 'five', other: 'six' })
  })

  it.each(Object.keys(CALLS))('%s: a part that throws at once refuses all of it', async (call) => {
    const places = new Map<string, number>()
    const { sink: unused } = await load()
    CALLS[call]!(unused, (value) => answering(value, Number.POSITIVE_INFINITY, throwLate, places))
    for (const place of places.keys()) {
      const { config, sink } = await load()
      CALLS[call]!(sink, (value) => answering(value, 1, throwLate, new Map([[place, 1]])))
      await config.refresh()
      sink.patch({ revision: 6, changes: [{ layer: 0, leaf: { path: 'other', value: 'six', revision: 6 } }] })
      await config.refresh()
      expect([place, config.current.a, config.current.b]).toEqual([place, 1, 'old'])
    }
  })

  it('what patchOf returns, and what is given to preview', async () => {
    const once = <V>(value: V): V => answering(value, 1, throwLate)
    const patched = await load({ patchOf: () => once({ changes }) })
    const write = { layer: 'own', key: 'own:r', value: { x: 1 } }
    expect(patched.config.preview([once(write)])).toMatchObject({ type: 'valid' })
    const plain = await load()
    expect(plain.config.preview([once(write)])).toMatchObject({ type: 'valid' })
  })

  it('what is given to memory: a part that throws is refused, and nothing of the patch is taken', async () => {
    const source = memory({ b: 'old' })
    const config = await definition.load({ sources: [source], logger: false })
    open.push(config)
    const given = { a: 5, r: { x: { y: 1 } }, b: 'new' }
    const first = () => answering(given, 0, throwLate)
    const message = /^\[invalid_options\] \w+\(\).*: a part cannot be read: read again\.$/
    expect(() => source.set(first())).toThrow(message)
    expect(() => source.replace(first())).toThrow(message)
    expect(() => memory(first())).toThrow(message)
    expect(config.current).toMatchObject({ a: 1, b: 'old' })
    source.set(answering(given, 1, throwLate))
    expect(config.current).toMatchObject(given)
  })

  it('the methods of a source and its connection', async () => {
    const reads = new Map<string, number>()
    const own = <V extends object>(value: V): V => answering(value, 1, throwLate, reads)
    const source = own({
      name: 'own',
      layers: [{ name: 'own', keyPrefix: 'own:', separator: '/', naming: 'exact' as const }],
      isRemote: false,
      open({ sink }: Parameters<Source['open']>[0]) {
        sink.replace({ revision: 1, epoch: 0, layers: [[]] })
        return own({ refresh: async () => {}, close: async () => {} })
      },
    })
    const config = await definition.load({ sources: [source], logger: false })
    const errors: unknown[] = []
    config.on('error', (error) => errors.push(error))
    await config.refresh()
    await config.refresh()
    await config.close()
    expect([errors, [...reads].filter(([, count]) => count !== 1)]).toEqual([[], []])
  })
})

describe('ownCopy', () => {
  it('keeps what holds itself, shared parts, and the order; copies Maps, Sets, Dates and bytes', () => {
    const shared = { s: 1 }
    const ring: Record<string, unknown> = { shared, again: shared, list: [shared, undefined] }
    ring['ring'] = ring
    ring['map'] = new Map<unknown, unknown>([[shared, new Set([shared])]])
    ring['date'] = new Date(5)
    ring['bytes'] = Buffer.from('ab')
    const copy = ownCopy(ring) as typeof ring
    expect(copy).toEqual({ ...ring, ring: expect.anything() })
    expect(copy['ring']).toBe(copy)
    expect(Object.keys(copy)).toEqual(Object.keys(ring))
    expect(copy['shared']).not.toBe(shared)
    expect(copy['again']).toBe(copy['shared'])
    expect([...(copy['map'] as Map<unknown, unknown>).keys()]).toEqual([copy['shared']])
    expect(copy['date']).not.toBe(ring['date'])
  })

  it('is bounded: deep and long', () => {
    let deep: unknown = {}
    for (let level = 0; level < 200_000; level++) deep = { deep }
    expect(ownCopy(deep)).toBeTypeOf('object')
    expect(ownCopy({ list: new Array(4_000_000_000) })).toEqual({
      list: expect.objectContaining({ reason: 'has a list of more than 10,000,000 items' }),
    })
  })
})
