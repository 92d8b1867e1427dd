import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import * as z from 'zod'
import type { Outcome } from './outcome.ts'
import { staged, type Tree } from './staged.test.kit.ts'

const side = z.object({ a: z.number(), o: z.object({ b: z.boolean() }).optional() })

/** Kinds of schemas that configurations seldom have, and a text that fits each. */
const kinds: Readonly<Record<string, [schema: z.ZodType, at: string, text: string]>> = {
  codec: [z.codec(z.string(), z.number(), { decode: Number, encode: String }), '', '12'],
  'a codec of numbers': [z.codec(z.number(), z.string(), { decode: String, encode: Number }), '', '12'],
  stringbool: [z.stringbool(), '', 'on'],
  'stringbool of other words': [z.stringbool({ truthy: ['x'], falsy: ['1'] }), '', 'x'],
  'template literal': [z.templateLiteral(['a-', z.number()]), '', 'a-1'],
  custom: [z.custom((value) => value !== 'x' && value !== undefined), '', 'on'],
  readonly: [z.object({ a: z.number() }).readonly(), '/a', '1'],
  'readonly list': [z.array(z.number()).readonly(), '/0', '1'],
  brand: [z.number().brand('port'), '', '1'],
  prefault: [z.number().prefault(7), '', '1'],
  'prefault of an object': [z.object({ a: z.number().default(3) }).prefault({}), '/a', '1'],
  nonoptional: [z.nonoptional(z.number().optional()), '', '1'],
  'a default in a union': [z.union([z.number().default(3), z.boolean()]), '', '1'],
  'a default inside an option': [z.union([z.object({ a: z.number().default(3) }), z.boolean()]), '/a', '1'],
  'a record of an enum': [z.record(z.enum(['a', 'b']), z.number().default(1)), '/a', '1'],
  partialRecord: [z.partialRecord(z.enum(['a', 'b']), z.number()), '/a', '1'],
  looseRecord: [z.looseRecord(z.string().regex(/^a/), z.number()), '/a', '1'],
  exactOptional: [z.object({ a: z.exactOptional(z.number()) }), '/a', '1'],
  success: [z.success(z.number()), '', '1'],
  catch: [z.number().catch(9), '', '1'],
  xor: [z.xor([z.object({ a: z.number() }), z.object({ b: z.boolean() })]), '/a', '1'],
  'intersections in one another': [
    z.intersection(
      z.intersection(side, z.object({ c: z.string().optional() })),
      z.looseObject({ d: z.date().optional() }),
    ),
    '/a',
    '1',
  ],
}

const TEXTS = ['1', '12', 'x', 'on', 'true', '1.10', 'a-1', 'a-x', '2026-01-01', '', undefined]
const NAMES = ['', '/a', '/b', '/c', '/d', '/o/b', '/0', '/1']

/** What an outcome says, byte for byte; whether it is a change depends on what was there before. */
function said(outcome: Outcome<unknown>): string {
  const { type, unused } = outcome
  const what =
    type === 'rejected'
      ? outcome.issues.map(({ pathText, code, message }) => [pathText, code, message])
      : outcome.value
  return inspect([what, unused.map(({ pathText }) => pathText)], { depth: 20 })
}

test.each(Object.entries(kinds))(
  'a running pipeline and a fresh one say the same: %s',
  (_kind, [part, at, text]) => {
    const schema = z.object({ it: part, other: z.number().optional() })
    const running = staged(schema, { guard: false })
    let held: Tree = {}
    const put = (tree: Tree) => {
      held = Object.fromEntries(
        Object.entries({ ...held, ...tree }).filter(([, value]) => value !== undefined),
      )
      expect(said(running.patch(0, tree)), inspect(held)).toBe(
        said(staged(schema, { guard: false }).replace(0, held)),
      )
    }
    put({ [`it${at}`]: text })
    expect(running.patch(0, { other: '1' }).type).toBe('accepted')
    held = { ...held, other: '1' }
    for (const name of NAMES) for (const value of TEXTS) put({ [`it${name}`]: value })
    put({ [`it${at}`]: text })
  },
)

test.each(Object.entries(kinds))('one document and single keys say the same: %s', (_kind, [part, at]) => {
  const schema = z.object({ it: part })
  // Names of a list stand for no list in a document.
  for (const name of new Set(['', at.replace('/0', '')])) {
    for (const text of TEXTS.filter((each) => each !== undefined)) {
      const nested = name === '' ? text : { [name.slice(1)]: text }
      const document = JSON.stringify({ it: nested })
      const keys = said(staged(schema, { guard: false }).replace(0, { [`it${name}`]: text }))
      expect(said(staged(schema, { guard: false }).replace(0, { '': document })), document).toBe(keys)
    }
  }
})
