import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { pino } from 'pino'
import { describe, expect, expectTypeOf, it, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { createTestConfig } from '../testing/create-test-config.ts'
import { defineConfig } from '../define-config.ts'
import { envLayer, staged } from '../pipeline/staged.test.kit.ts'
import { toJsonSchema, writeValue } from '../tools/index.ts'
import { Sealed } from '../sealed.ts'
import { sealed } from './sealed.ts'

const PASSWORD = 'hunter2-secret'
const definition = defineConfig({
  name: 'sealed',
  schema: z.object({
    db: z.object({
      password: sealed(z.string().min(8)),
      keys: sealed(z.object({ a: z.string(), list: z.array(z.string()) })).optional(),
      size: z.number().default(1),
    }),
  }),
})
const values = { db: { password: PASSWORD, keys: { a: PASSWORD, list: [PASSWORD] } } }

/** Everything that copies or prints what it is given. */
const PRINTERS: Record<string, (value: object) => unknown> = {
  spread: (value) => inspect({ ...value }, { depth: 9 }),
  entries: (value) => JSON.stringify(Object.entries(value)),
  structuredClone: (value) => inspect(structuredClone({ ...value }), { depth: 9 }),
  'console.dir': (value) => inspect(value, { customInspect: false, showHidden: true, depth: 9 }),
  'with getters': (value) =>
    inspect(value, { customInspect: false, getters: true, showProxy: true, depth: 9 }),
  JSON: (value) => JSON.stringify({ ...value }),
  text: (value) =>
    Object.values(value)
      .map((part) => `${part}`)
      .join(),
  pino: (value) => {
    const lines: string[] = []
    const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
    log.info({ ...value })
    log.info(value)
    return lines.join()
  },
  'assert diff': (value) => {
    try {
      assert.deepEqual({ ...value }, { password: 1 })
    } catch (error) {
      return inspect(error, { depth: 9 })
    }
    return ''
  },
  'vitest diff': (value) => {
    try {
      expect({ ...value }).toEqual({ password: 1 })
    } catch (error) {
      return inspect(error, { depth: 9 })
    }
    return ''
  },
}

describe('sealed: a secret that only reveal() gives', () => {
  it.each(Object.keys(PRINTERS))('%s does not show it', async (name) => {
    await using config = await createTestConfig(definition, values)
    const { db } = config.current
    const shown = [db, { password: db.password }, { keys: db.keys }].map((value) => PRINTERS[name]?.(value))
    expect(shown.join()).not.toContain('hunter2')
    expect(shown.join()).not.toContain('secret"')
    expect(db.password.reveal()).toBe(PASSWORD)
    expect(db.keys?.reveal()).toEqual(values.db.keys)
  })

  it('is not in events, explain, issues or a rejected tree', async () => {
    await using config = await createTestConfig(definition, values)
    const output: unknown[] = []
    for (const event of ['change', 'rejected'] as const)
      config.on(event, (given: unknown) => output.push(given))
    config.set({ db: { password: `${PASSWORD}-2` } })
    config.reject({ db: { password: 'hunter2' } })
    output.push(config.explain('db.password'), config.explain('db.keys.a'), config.status, config.snapshot())
    const text = inspect(output, { depth: 20 }) + JSON.stringify(output)
    expect(text).not.toContain('hunter2')
    expect(text).toContain('[secret]')
  })

  it('stays the same holder while its value is, also where its parent is judged anew, and is frozen inside', () => {
    const schema = z
      .object({ x: sealed(z.object({ a: z.array(z.string()) })), y: z.number() })
      .refine(() => true)
    const { patch } = staged(schema)
    const first = patch(0, { x: '{"a":["p"]}', y: '1' })
    const second = patch(0, { y: '2' })
    const third = patch(0, { x: '{"a":["q"]}' })
    const holders = [first, second, third].map(
      (outcome) => (outcome as unknown as { value: { x: Sealed<{ a: string[] }> } }).value.x,
    )
    expect(holders[1]).toBe(holders[0])
    expect(holders[2]).not.toBe(holders[0])
    expect(holders[2]?.reveal()).toEqual({ a: ['q'] })
    expect(Object.isFrozen(holders[0]?.reveal().a)).toBe(true)
    expect(patch(0, { x: '{"a":["q"]}' }).type).toBe('unchanged')
  })

  it('is told of when it changes, as a change without values', async () => {
    await using config = await createTestConfig(definition, values)
    const change = config.set({ db: { password: 'another-secret' } })
    expect(change?.changes).toEqual([
      {
        type: 'changed',
        path: ['db', 'password'],
        pathText: 'db.password',
        previous: '[secret]',
        next: '[secret]',
      },
    ])
    expect(config.set({ db: { password: 'another-secret' } })).toBeUndefined()
  })

  it('takes what the schema takes, and a holder that another configuration gave', async () => {
    await using config = await createTestConfig(definition, values)
    const { db } = config.current
    await using other = await createTestConfig(definition, { db } as unknown as typeof values)
    expect(other.current.db.password.reveal()).toBe(PASSWORD)
    expect(other.current.db.keys?.reveal()).toEqual(values.db.keys)
  })

  it('works with zod mini, defaults inside, optional outside, records and unions', () => {
    const schema = z.object({
      mini: sealed(mini.string()),
      inside: sealed(z.string().default('d')),
      outside: sealed(z.string()).optional(),
      byName: z.record(z.string(), sealed(z.string())),
    })
    const { patch } = staged(schema)
    const outcome = patch(0, { mini: 'm', 'byName/a': 'x' }) as unknown as {
      value: Record<string, Sealed<string>> & { byName: Record<string, Sealed<string>> }
    }
    expect(outcome.value['mini']?.reveal()).toBe('m')
    expect(outcome.value['inside']?.reveal()).toBe('d')
    expect(outcome.value['outside']).toBeUndefined()
    expect(outcome.value.byName['a']?.reveal()).toBe('x')
  })
})

describe('sealed: in the tools', () => {
  it('has the JSON Schema of what is stored, write-only', () => {
    const password = { type: 'string', writeOnly: true, minLength: 8 }
    expect(toJsonSchema(definition)).toMatchObject({ properties: { db: { properties: { password } } } })
  })

  it('is written as what the schema reads, from a holder or the value itself', () => {
    const holder = new Sealed(PASSWORD)
    for (const value of [holder, PASSWORD])
      expect(writeValue(definition, 'db.password', value)).toMatchObject([
        { key: 'db/password', text: PASSWORD },
      ])
    const keys = new Sealed(values.db.keys)
    expect(writeValue(definition, 'db', { password: holder, keys, size: 2 }).map(({ key }) => key)).toEqual([
      'db/password',
      'db/keys/a',
      'db/keys/list',
      'db/size',
    ])
    const refused = () => writeValue(definition, 'db.password', new Sealed('short'))
    expect(refused).toThrow('db.password')
    expect(refused).not.toThrow('short')
  })

  it('is read from variables, and its leaves are left out of what has no secrets', () => {
    const { pipeline, patch } = staged(definition.schema, { layers: [envLayer] })
    const outcome = patch(0, { DB__PASSWORD: PASSWORD, DB__SIZE: '3' }) as { value?: unknown }
    expect(inspect(outcome.value)).toBe("{ db: { password: '[secret]', size: 3 } }")
    expect(JSON.stringify(pipeline.leaves(0, { withSecrets: false }))).not.toContain('hunter2')
    expect(JSON.stringify(pipeline.leaves(0, { withSecrets: true }))).toContain('hunter2')
  })
})

test('sealed: types', async () => {
  await using config = await createTestConfig(definition, values)
  expectTypeOf(config.current.db.password).toEqualTypeOf<Sealed<string>>()
  expectTypeOf(config.current.db.password.reveal()).toEqualTypeOf<string>()
  const { keys } = config.current.db
  if (keys === undefined) throw new Error('no keys')
  expectTypeOf(keys.reveal()).toEqualTypeOf<{ readonly a: string; readonly list: readonly string[] }>()
})

describe('sealed: under an intersection', () => {
  const a = z.object({ a: z.string() })
  const b = z.object({ b: z.string() })
  const define = (schema: z.ZodType) => () => defineConfig({ name: 'x', schema: z.object({ v: schema }) })

  it.each<[string, z.ZodType, string]>([
    ['both sides', z.intersection(sealed(a), sealed(b)), '"v"'],
    ['one side', z.intersection(a, sealed(b)), '"v"'],
    ['a side of a side', a.and(b.and(sealed(b))), '"v"'],
    ['a scalar', z.intersection(sealed(z.string()), z.string()), '"v"'],
    ['an optional side', z.intersection(sealed(a).optional(), b.optional()), '"v"'],
    ['one property', z.object({ p: sealed(a) }).and(z.object({ p: b })), '"v.p"'],
    ['a record', z.object({ p: sealed(a) }).and(z.record(z.string(), b)), '"v.p"'],
    ['records', z.record(z.string(), sealed(a)).and(z.record(z.string(), b)), '"v.<key>"'],
    ['lists', z.array(sealed(a)).and(z.array(b)), '"v.0"'],
    ['a tuple and a list', z.tuple([a, sealed(a)]).and(z.array(b)), '"v.1"'],
    ['a list and the rest of a tuple', z.array(b).and(z.tuple([b], sealed(a))), '"v.1"'],
    ['a key of an enum', z.object({ p: sealed(a) }).and(z.record(z.enum(['q', 'p']), b)), '"v.p"'],
    ['a pattern of keys', z.object({ p1: sealed(a) }).and(z.record(z.string().regex(/^p\d/), b)), '"v.p1"'],
    ['keys that are numbers', z.object({ 1: sealed(a) }).and(z.record(z.number(), b)), '"v.1"'],
    [
      'what a loose record hands on',
      z.object({ p: sealed(a) }).and(z.looseRecord(z.enum(['q']), b)),
      '"v.p"',
    ],
    [
      'a key of two enums',
      z.record(z.enum(['p']), sealed(a)).and(z.record(z.enum(['p', 'q']), b)),
      '"v.<key>"',
    ],
  ])('%s: is refused when it is defined, with the place and what to do', (_name, schema, place) => {
    expect(define(schema)).toThrow(
      `[invalid_schema] Cannot hold an intersection of a sealed() value with another at ${place}`,
    )
    expect(define(schema)).toThrow('sealed(a.and(b))')
  })

  it.each<[string, z.ZodType, unknown]>([
    ['a record of other keys', z.object({ p: sealed(a) }).and(z.record(z.enum(['q']), b)), { q: { b: '2' } }],
    [
      'a record of other keys, first',
      z.partialRecord(z.enum(['q']), b).and(z.object({ p: sealed(a) })),
      { q: { b: '2' } },
    ],
    [
      'records without a key in common',
      z.record(z.enum(['p']), sealed(a)).and(z.record(z.enum(['q']), b)),
      { q: { b: '2' } },
    ],
  ])('takes a sealed part beside %s', async (_name, schema, rest) => {
    const definition = defineConfig({ name: 'x', schema: z.object({ v: schema }) })
    await using config = await createTestConfig(definition, {
      v: { p: { a: '1' }, ...(rest as object) },
    } as never)
    const { p, ...others } = config.current.v as { p: Sealed<unknown> }
    expect(p.reveal()).toEqual({ a: '1' })
    expect(others).toEqual(rest)
  })

  it('works around an intersection, and in a part that one side has', async () => {
    const schema = z.object({
      whole: sealed(a.and(b)),
      part: z.object({ p: sealed(z.string()) }).and(z.object({ q: z.string() })),
    })
    const given = { whole: { a: '1', b: '2' }, part: { p: '3', q: '4' } }
    await using config = await createTestConfig(defineConfig({ name: 'x', schema }), given)
    expect(config.current.whole.reveal()).toEqual({ a: '1', b: '2' })
    expect(config.current.part.p.reveal()).toBe('3')
    expect(config.current.part.q).toBe('4')
  })
})
