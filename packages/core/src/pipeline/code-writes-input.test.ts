import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { sealed } from '../schema/sealed.ts'
import { secret } from '../schema/secret.ts'
import { memory } from '../source/memory.ts'
import type { Source, SourceConnection } from '../source/source.ts'
import { acceptedValue, envLayer, staged, storedLayer } from './staged.test.kit.ts'

/** Writes to what it is given, as code may that is given the parts of freshly parsed JSON; each time something else. */
const write = (value: unknown): unknown => {
  if (Array.isArray(value)) value.push(value.length)
  else if (value instanceof Date) value.setUTCDate(value.getUTCDate() + 1)
  else if (value instanceof Uint8Array || value instanceof Float64Array) value[0]! += 1
  else if (value instanceof URL) value.pathname += 'x'
  else if (value instanceof URLSearchParams) value.append('x', '')
  else if (value instanceof Map) value.set(`${value.size}`, 1)
  else if (value instanceof Set) value.add(value.size)
  else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) write(part)
    Object.assign(value, { [`n${Object.keys(value).length}`]: 1 })
  }
  return value
}

const PLACES: Readonly<Record<string, z.ZodType>> = {
  preprocess: z.preprocess(write, z.any()),
  any: z.any().transform(write),
  unknown: z.unknown().transform(write),
  json: z.json().transform(write),
  custom: z.custom(() => true).transform(write),
  'custom check': z.custom((value) => write(value) !== undefined),
  overwrite: z.any().overwrite(write),
  refine: z.any().refine((value) => write(value) !== undefined),
  superRefine: z.any().superRefine((value) => void write(value)),
  'refinement of what is invalid': z
    .string()
    .refine(() => true, { when: ({ value }) => write(value) !== undefined })
    .catch(({ value }) => value as string),
  'value of a catch': z.number().catch(({ value }) => write(value) as number),
  'issue of a catch': z.number().catch(({ error }) => write(error.issues[0]?.input) as number),
  'message of an error': z.union([z.number({ error: ({ input }) => String(write(input)) }), z.any()]),
  codec: z.codec(z.any(), z.any(), { decode: write, encode: (value) => value }),
  'inner pipe': z.pipe(z.any(), z.pipe(z.any(), z.transform(write))),
  lazy: z.lazy(() => z.any()).transform(write),
  optional: z.any().optional().transform(write),
  'union after a refusal': z.union([z.preprocess(write, z.number()), z.any().transform(write)]),
  union: z.union([z.number(), z.any()]).transform(write),
  xor: z.xor([z.number(), z.any().transform(write)]),
  intersection: z.intersection(z.any(), z.any()).transform(write),
  secret: secret(z.any()).transform(write),
  sealed: sealed(z.any().transform(write)),
}
const INSIDE: Readonly<Record<string, [value: unknown, wrap: (inner: z.ZodType) => z.ZodType]>> = {
  itself: [['a', 'b'], (inner) => inner],
  catchall: [{ x: ['a'] }, (inner) => z.object({}).catchall(inner)],
  'loose object': [{ x: ['a'] }, (inner) => z.looseObject({ y: inner.optional() }).transform(write)],
  record: [{ x: ['a'] }, (inner) => z.record(z.string(), inner)],
  map: [{ x: { y: ['a'] } }, (inner) => z.map(z.string(), inner)],
  array: [[['a'], { y: ['b'] }], (inner) => z.array(inner)],
  tuple: [[['a'], ['b']], (inner) => z.tuple([inner], inner)],
}
const FORMS: Readonly<Record<string, (value: unknown) => Readonly<Record<string, unknown>>>> = {
  'a key of its own': (value) => ({ 'at/v': value }),
  'text at a key of its own': (value) => ({ 'at/v': JSON.stringify(value) }),
  'a document': (value) => ({ at: JSON.stringify({ v: value }) }),
  'a typed document': (value) => ({ at: { v: value } }),
}
const LAYERS = [storedLayer('store'), envLayer, storedLayer('other')]

/** What is shown of a value at the start, and after each of several changes of something else and trials of one. */
function shownOverTime(schema: z.ZodType, tree: Readonly<Record<string, unknown>>): readonly string[] {
  const whole = z.object({ at: z.object({ v: schema }), n: z.number().default(0) }).refine(() => true)
  const stage = staged(whole, { layers: LAYERS })
  const shown = (value: unknown) => {
    const { v } = (value as { at: { v: { reveal?: () => unknown } } }).at
    const explained = ['at', 'at.v'].flatMap((path) => stage.pipeline.explain(path).layers)
    return JSON.stringify([typeof v?.reveal === 'function' ? v.reveal() : v, explained], partOf)
  }
  const states = [shown(acceptedValue(stage.replace(0, tree)))]
  for (let n = 1; n < 3; n++) {
    const update = { revision: 9, changes: [{ layer: 0, leaf: { path: 'n', value: n, revision: 9 } }] }
    stage.pipeline.preview([{ source: 2, update }], 0, () => [])
    states.push(shown(acceptedValue(stage.patch(2, { n }))))
  }
  return states
}

/** Without the origins, whose revisions are those of the layer. */
function partOf(name: string, part: unknown): unknown {
  if (name === 'origin') return undefined
  if (ArrayBuffer.isView(part)) return String(part)
  return part instanceof Map || part instanceof Set ? [...(part as Set<unknown>)] : part
}

describe('schema code that writes to what it is given changes nothing that is stored', () => {
  const places = Object.entries(PLACES).flatMap(([place, inner]) =>
    Object.entries(INSIDE).map(([inside, [value, wrap]]) => ({ place, inside, schema: wrap(inner), value })),
  )
  const forms = Object.entries(FORMS).map(([form, treeOf], index) => ({
    form,
    treeOf,
    places: index === 0 ? places : places.filter(({ inside }) => inside === 'itself'),
  }))
  it.each(forms)('in $form', ({ treeOf, places: tried }) => {
    const changed = tried.filter(
      ({ schema, value }) => new Set(shownOverTime(schema, treeOf(value))).size > 1,
    )
    expect(changed.map(({ place, inside }) => `${place} in ${inside}`)).toEqual([])
  })

  it('in a variable', () => {
    const stage = staged(
      z.object({ v: z.any().transform(write), n: z.number() }).refine(() => true),
      {
        layers: LAYERS,
      },
    )
    stage.replace(1, { V: '["a"]' })
    const values = [1, 2, 3].map((n) => acceptedValue(stage.patch(2, { n })) as { v: unknown })
    expect(values.map(({ v }) => v)).toEqual([values[0]?.v, values[0]?.v, values[0]?.v])
  })

  it.each<[string, z.ZodType, () => unknown]>([
    ['Date', z.date(), () => new Date(0)],
    ['bytes', z.instanceof(Uint8Array), () => new Uint8Array([1, 2])],
    ['Buffer', z.instanceof(Uint8Array), () => Buffer.from([1, 2])],
    ['Float64Array', z.custom((value) => value instanceof Float64Array), () => new Float64Array([1, 2])],
    ['URL', z.instanceof(URL), () => new URL('http://a/')],
    ['URLSearchParams', z.instanceof(URLSearchParams), () => new URLSearchParams('a=1')],
    ['Map', z.map(z.string(), z.any()), () => new Map([['a', ['x', 'y']]])],
    ['Set', z.custom((value) => value instanceof Set), () => new Set([0])],
    ['list of Dates', z.array(z.date()), () => [new Date(0), new Date(9)]],
  ])('given by a program as a %s', async (_kind, schema, make) => {
    const given = make()
    const source = memory({ v: given, n: 0 })
    const whole = z.object({ v: schema.transform(write), n: z.number() }).refine(() => true)
    const definition = defineConfig({ name: 'given', schema: whole })
    await using config = await definition.load({ sources: [source] })
    const told: string[] = []
    config.on('change', ({ changes }) => void told.push(...changes.map(({ pathText }) => pathText)))
    for (const n of [1, 2, 3]) source.set({ n })
    expect(told).toEqual(['n', 'n', 'n'])
    await using other = await definition.load({ sources: [source] })
    expect(other.current).toEqual(config.current)
    expect(given).toEqual(make())
  })

  it('in what a prefault gives', () => {
    const given = { list: ['a'], n: 1 }
    const inner = z.object({ list: z.preprocess(write, z.any()), n: z.number() }).prefault(given)
    const stage = staged(z.object({ at: inner, other: z.number() }))
    const gone = { 'at/n': undefined, 'at/list': undefined }
    const states = [{ other: '0' }, { 'at/n': '2', 'at/list': ['a'] }, gone, { other: '1' }]
    for (const state of states)
      expect(acceptedValue(stage.patch(0, state))).toMatchObject({ at: { list: ['a', 1] } })
    expect(given).toEqual({ list: ['a'], n: 1 })
  })
})

it('explain: what it shows of the layers belongs to the caller', () => {
  const schema = z.object({ list: z.array(z.string()), any: z.any(), n: z.number() }).refine(() => true)
  const stage = staged(schema, { layers: [storedLayer('store')] })
  const tree = { list: ['a', 'b'], any: { hosts: ['a', 'b'] }, n: 0 }
  stage.replace(0, tree)
  for (const path of ['list', 'any', 'any.hosts'])
    for (const { value } of stage.pipeline.explain(path).layers) write(value)
  expect(acceptedValue(stage.patch(0, { n: 1 }))).toEqual({ ...tree, n: 1 })
  expect(stage.pipeline.explain('list').layers[0]?.value).toEqual(['a', 'b'])
})

it('preview: what a source is shown of its layers belongs to it', async () => {
  const program = memory({ list: ['a'], n: 0 })
  const source: Source = {
    ...program,
    open(context) {
      const connection = program.open(context)
      const patchOf: SourceConnection['patchOf'] = (writes, staged) => {
        for (const leaf of staged().flat()) write(leaf.value)
        return connection.patchOf!(writes, staged)
      }
      return { ...connection, patchOf }
    },
  }
  const schema = z.object({ list: z.array(z.any()), n: z.number() }).refine(() => true)
  await using config = await defineConfig({ name: 'shown', schema }).load({ sources: [source] })
  config.preview([{ layer: 'memory', key: 'n', value: 1 }])
  expect(config.explain('list').layers[0]?.value).toEqual(['a'])
  program.set({ n: 2 })
  expect(config.current).toEqual({ list: ['a'], n: 2 })
})
