import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { acceptedValue, issuesOf, staged, storedLayer } from './staged.test.kit.ts'

const nested = { ...storedLayer('base'), isNested: true }

describe('two names that stand for one key', () => {
  const kinds: Readonly<Record<string, z.ZodType>> = {
    'a map of numbers': z.map(z.number(), z.string()),
    'a map of bigints': z.map(z.bigint(), z.string()),
    'a map of coerced numbers': z.map(z.coerce.number(), z.string()),
    'a record of numbers': z.record(z.number(), z.string()),
    'a record of coerced numbers': z.record(z.coerce.number(), z.string()),
    'a record of integers by a transform': z.record(
      z.string().transform((text) => String(Number(text))),
      z.string(),
    ),
    'a record with a refinement': z.record(z.number(), z.string()).refine(() => true),
    'a loose record': z.looseRecord(z.number(), z.string()),
  }

  for (const [kind, schema] of Object.entries(kinds)) {
    const [one, other] = kind.includes('bigint') ? ['1', '+1'] : ['1', '1.0']
    const expected = new RegExp(`"(${one}|\\${other})" and "(\\${other}|${one})" stand for one key`)
    const whole = z.object({ it: schema.optional(), list: z.array(schema).optional() })

    it.each<[string, Record<string, unknown>]>([
      ['keys', { [`it/${one}`]: 'a', [`it/${other}`]: 'b' }],
      ['a document', { it: JSON.stringify({ [one!]: 'a', [other!]: 'b' }) }],
      ['a document in a list', { list: [{ [one!]: 'a', [other!]: 'b' }] }],
    ])(`${kind}: refused as %s`, (_form, tree) => {
      for (const layer of [storedLayer('base'), nested]) {
        const { patch } = staged(whole, { layers: [layer] })
        expect(issuesOf(patch(0, tree))[0]?.message).toMatch(expected)
        // One of the two is as good as ever.
        const fixed = {
          ...tree,
          ...(`it/${other}` in tree ? { [`it/${other}`]: undefined } : { it: undefined, list: [] }),
        }
        acceptedValue(patch(0, fixed))
      }
    })
  }

  it('refuses a pair that is given twice in the list of a map', () => {
    const { patch } = staged(z.object({ it: z.map(z.string(), z.number()) }))
    expect(issuesOf(patch(0, { it: '[["a", 1], ["b", 2], ["a", 3]]' }))[0]?.message).toMatch(
      /the names "a" and "a" stand for one key/,
    )
  })

  it('refuses names that a check of the key makes equal', () => {
    const { patch } = staged(z.record(z.string().toLowerCase(), z.number()))
    expect(issuesOf(patch(0, { Port: '1', port: '2' }))[0]?.message).toMatch(
      /"Port" and "port"|"port" and "Port"/,
    )
  })
})

describe('a property under two names in one document', () => {
  const schema = z.object({
    it: z
      .object({
        maxSize: z.number().optional(),
        inner: z.object({ maxAge: z.number().optional() }).optional(),
      })
      .optional(),
    list: z.array(z.object({ maxSize: z.number().optional() })).optional(),
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['at a key', { it: '{"maxSize": 1, "max-size": 2}' }, 'it/maxSize'],
    ['in the other order', { it: '{"max-size": 2, "maxSize": 1}' }, 'it/maxSize'],
    ['further inside', { it: '{"inner": {"maxAge": 1, "max-age": 2}}' }, 'it/inner/maxAge'],
    ['at the root', { '': '{"it": {"max-size": 2, "maxSize": 1}}' }, 'it/maxSize'],
    ['in a list', { list: '[{"maxSize": 1, "max-size": 2}]' }, 'list.0.maxSize'],
    ['as keys', { 'it/max-size': '1', 'it/maxSize': '2' }, 'it/maxSize'],
  ])('is reported: %s', (_where, tree, name) => {
    const unused = staged(schema, { naming: 'kebab-case' })
      .patch(0, tree)
      .unused.map(({ pathText }) => pathText)
    expect(unused.map((text) => text.replaceAll('.', '/'))).toContain(name.replaceAll('.', '/'))
    const { patch } = staged(schema, { naming: 'kebab-case', unused: 'reject' })
    expect(issuesOf(patch(0, tree))).toHaveLength(1)
    acceptedValue(patch(0, Object.fromEntries(Object.keys(tree).map((key) => [key, undefined]))))
  })
})
