import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { acceptedValue, issuesOf, staged, storedLayer } from './staged.test.kit.ts'

const host = z.object({ host: z.string().default('localhost'), port: z.number().optional() })
/** As a source has it that takes values of a program. */
const layers = [{ ...storedLayer('memory'), naming: 'exact', isNested: true }] as const
const stage = (schema: z.ZodType, tree: object) =>
  staged(schema, { layers }).replace(0, tree as Record<string, unknown>)

class Tagged {
  readonly [Symbol.toStringTag] = 'Date'
  readonly host = 'a'
}

const INSTANCES: readonly [string, object][] = [
  ['a Date', new Date(0)],
  ['a Buffer', Buffer.from('abc')],
  ['a Uint8Array', new Uint8Array(2)],
  ['a DataView', new DataView(new ArrayBuffer(1))],
  ['an ArrayBuffer', new ArrayBuffer(1)],
  ['a Set', new Set(['host'])],
  ['a RegExp', /host/],
  ['a URL', new URL('http://x/a')],
  ['an Error', new Error('x')],
  ['a String', Object('text')],
  ['a WeakMap', new WeakMap()],
]

describe('an instance of a built-in class, where an object is meant,', () => {
  const schemas: readonly [string, z.ZodType][] = [
    ['an object', host],
    ['an object with a refinement', host.refine(() => true)],
    ['a loose object', z.looseObject(host.shape)],
    ['an optional object', host.optional()],
    ['an object with a default', host.prefault({})],
    ['a union of objects', z.union([host.pick({ host: true }), z.object({ url: z.string() })])],
    ['an intersection', z.intersection(host, z.object({ tls: z.boolean().default(false) }))],
    ['a pipe', host.transform(({ host: name }) => name)],
  ]
  it.each(INSTANCES.flatMap((instance) => schemas.map((schema) => [...instance, ...schema] as const)))(
    'is refused: %s, %o, for %s',
    (_name, value, _what, schema) => {
      const issues = issuesOf(stage(z.object({ it: schema }), { it: value }))
      expect(issues).toHaveLength(1)
      expect(issues[0]).toMatchObject({ pathText: 'it', origins: [{ key: '/memory/it' }] })
      expect(issues[0]?.message).toMatch(/where an object is expected/)
    },
  )

  it('is refused inside a list, a record and an object, by its own path', () => {
    const schema = z.object({
      list: z.array(host),
      record: z.record(z.string(), host),
      outer: z.object({ it: host }),
    })
    const tree = { list: [{}, new Date(0)], 'record/a': new Set(), 'outer/it': Buffer.from('a') }
    const issues = issuesOf(stage(schema, tree))
    expect(issues.map(({ pathText }) => pathText).sort()).toEqual(['list', 'outer.it', 'record.a'])
  })

  it('is what an option of a union takes that comes before the object, and never one after it', () => {
    const after = z.object({ it: z.union([host, z.date()]) })
    expect(issuesOf(stage(after, { it: new Date(5) }))).toMatchObject([
      { message: expect.stringContaining('a Date where an object is expected') },
    ])
    const schema = z.object({ it: z.union([z.date(), z.instanceof(Uint8Array), host]) })
    expect(acceptedValue(stage(schema, { it: new Date(5) }))).toEqual({ it: new Date(5) })
    expect(acceptedValue(stage(schema, { it: new Uint8Array(2) }))).toEqual({ it: new Uint8Array(2) })
  })

  it('is a value like any other where the schema takes anything', () => {
    const schema = z.object({ any: z.any(), custom: z.instanceof(URL) })
    const tree = { any: new Date(0), custom: new URL('http://x') }
    expect(acceptedValue(stage(schema, tree))).toEqual(tree)
  })
})

describe('an instance of a class of the program', () => {
  class Own {
    readonly host = 'a'
  }
  it('is an object with its properties', () => {
    expect(acceptedValue(stage(z.object({ it: host }), { it: new Own() }))).toEqual({ it: { host: 'a' } })
  })
  it('may name itself as it likes', () => {
    expect(acceptedValue(stage(z.object({ it: host }), { it: new Tagged() }))).toEqual({ it: { host: 'a' } })
  })
})
