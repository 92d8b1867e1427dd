import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { issuesOf, read, staged } from '../pipeline/staged.test.kit.ts'
import { templateReader } from './template-text.ts'

const text = z.string()
const at = (schema: z.ZodType) => z.object({ it: schema })

const address = z.templateLiteral([text, '@', text, '.', text])

/** A schema as that of the keys of every kind of record, and of a map. */
function keysOf(what: string, key: z.ZodType<string, string>): [string, z.ZodType, string][] {
  const kinds: readonly [string, z.ZodType][] = [
    ['a record', z.record(key, text)],
    ['a record with a refinement', z.record(key, text).refine(() => true)],
    ['a loose record', z.looseRecord(key, text)],
    ['a partial record', z.partialRecord(key, text)],
    ['a map', z.map(key, text)],
  ]
  return kinds.map(([kind, schema]) => [`${what} as a key of ${kind}`, schema, '@'])
}

const COSTLY: readonly [string, z.ZodType, string][] = [
  ['two separators', z.templateLiteral([text, '@', text, '.', text]), '@'],
  ['numbers', z.templateLiteral([text, '-', z.number(), '-', text, 'Z']), '-'],
  ['parts side by side', z.templateLiteral([text, text, 'Z']), 'a'],
  ['a number after text', z.templateLiteral([text, z.number()]), '1'],
  [
    'words side by side',
    z.templateLiteral([...Array.from({ length: 40 }, () => z.enum(['@', '@@'])), '.']),
    '@',
  ],
  ['a template in a template', z.templateLiteral([z.templateLiteral([text, '@', text]), '.', text]), '@'],
  ['a literal part', z.templateLiteral([text, z.literal('@'), text, '.', text]), '@'],
  ['an optional template', z.templateLiteral([z.templateLiteral([text, '@', text]).optional(), '.']), '@'],
  ['a union', z.union([z.number(), z.templateLiteral([text, '@', text, '.', text])]), '@'],
  ['a wrapper', z.templateLiteral([text, '@', text, '.', text]).optional().readonly(), '@'],
  ['in a list', z.array(z.templateLiteral([text, '@', text, '.', text])), '@'],
  ['a transform', z.templateLiteral([text, '@', text, '.', text]).transform((found) => found), '@'],
  ['a key', z.record(z.templateLiteral([text, '@', text, '.', text]), z.string()), '@'],
  [
    'a key of a record with a refinement',
    z.record(z.templateLiteral([text, '@', text, '.', text]), z.string()).refine(() => true),
    '@',
  ],
  ...keysOf('a union', z.union([z.literal('one'), address])),
  ...keysOf('a nested union', z.union([z.literal('one'), z.union([z.enum(['two']), address])])),
  ...keysOf('a wrapper', address.readonly()),
  ...keysOf(
    'a brand and a refinement',
    address.brand('it').refine(() => true),
  ),
  ...keysOf(
    'a lazy schema',
    z.lazy(() => z.union([z.literal('one'), address])),
  ),
  ...keysOf('a pipe', address.pipe(address)),
  ...keysOf(
    'a transform',
    address.transform((found) => found),
  ),
  ...keysOf('an intersection', z.intersection(z.string(), address)),
  ['a key of a map', z.map(z.templateLiteral([text, '@', text, '.', text]), z.string()), '@'],
]

describe('a template literal', () => {
  it.each(COSTLY)('takes no long time over %s', (_what, schema, sign) => {
    const long = sign.repeat(100_000)
    const isKey = ['record', 'map'].includes(schema.type)
    const value = isKey ? JSON.stringify({ [long]: 'x' }) : schema instanceof z.ZodArray ? [long] : long
    const before = process.cpuUsage()
    const [issue, ...others] = issuesOf(staged(at(schema)).patch(0, { it: value }))
    const { user, system } = process.cpuUsage(before)
    expect(user + system).toBeLessThan(2_500_000)
    expect(others).toEqual([])
    expect(issue?.path[0]).toBe('it')
    expect(issue?.message).toMatch(/too many ways/)
  })

  it.each<[string, z.ZodType<string, string>]>([
    ['an option before it takes', z.union([text, address])],
    ['none refuses', z.union([z.literal('one'), z.templateLiteral([text, '@'])])],
  ])('is no reason to refuse a key that %s', (_what, key) => {
    const name = '@'.repeat(10_000)
    expect(read(z.record(key, text), { '': JSON.stringify({ [name]: 'x' }) })).toEqual({ [name]: 'x' })
  })

  it.each<[string, z.ZodTemplateLiteral, string]>([
    ['an address', z.templateLiteral([text, '@', text, '.', text]), 'someone@mail.example'],
    [
      'a URL',
      z.templateLiteral([text, '://', text, ':', text, '@', text, ':', z.number(), '/', text]),
      `postgres://user:p-a-s-s@db.example:5432/${'name?with=options&'.repeat(20)}`,
    ],
    ['a long text with one free part', z.templateLiteral([text, '@']), '@'.repeat(1_500_000)],
    ['a long text with few separators', z.templateLiteral([text, '@', text]), `a@${'b'.repeat(1_500_000)}`],
    [
      'words before a long text',
      z.templateLiteral([z.enum(['a', 'bb']), z.boolean(), text]),
      `atrue${'b'.repeat(1_500_000)}`,
    ],
    ['a long text before words', z.templateLiteral([text, z.literal(['b', 'c'])]), 'b'.repeat(1_500_000)],
    [
      'words on both sides',
      z.templateLiteral([z.enum(['a', 'b']), '-', text, '-', z.boolean().optional()]),
      `a-${'-'.repeat(1_500_000)}true`,
    ],
    ['many separators in a short text', z.templateLiteral([text, '-', text, '-', text]), '-'.repeat(500)],
  ])('reads %s', (_what, schema, given) => {
    expect(templateReader(schema)(given)).toBe(given)
    expect(z.safeParse(schema, given).success).toBe(true)
  })
})
