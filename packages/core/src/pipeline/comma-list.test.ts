import { describe, expect, it, test } from 'vitest'
import * as z from 'zod'
import { hostPort } from '../schema/host-port.ts'
import { secret } from '../schema/secret.ts'
import { acceptedValue, envLayer, issuesOf, staged, storedLayer } from './staged.test.kit.ts'

const layers = [storedLayer('base'), { ...envLayer, listsWithCommas: true }]
const read = (schema: z.ZodType, text: string) =>
  acceptedValue(staged(z.object({ list: schema }), { layers }).patch(1, { LIST: text }))
const issue = (schema: z.ZodType, text: string) =>
  issuesOf(staged(z.object({ list: schema }), { layers }).patch(1, { LIST: text }))[0]

const at = (host: string, port: number) => ({ host, port })

describe('listIn: a list of scalars as a variable', () => {
  const texts = z.array(z.string())
  it.each<[z.ZodType, string, unknown]>([
    [texts, 'a,b', ['a', 'b']],
    [texts, ' a , b c ', ['a', 'b c']],
    [texts, 'one', ['one']],
    [texts, '', []],
    [texts, '  ', []],
    [texts, '["a",""]', ['a', '']],
    [texts, 'a"b,5"', ['a"b', '5"']],
    [texts, "'s-Gravenhage,Delft", ["'s-Gravenhage", 'Delft']],
    [texts, '["a,b", "c"]', ['a,b', 'c']],
    [texts, ' ["a"]', ['a']],
    [texts, 'null', ['null']],
    [z.array(z.number()), '80,81', [80, 81]],
    [z.array(z.union([z.number(), z.boolean()])), '80,true', [80, true]],
    [z.set(z.enum(['GET', 'POST'])), 'GET,POST,GET', new Set(['GET', 'POST'])],
    [z.tuple([z.string(), z.number()]), 'a,1', ['a', 1]],
    [z.array(hostPort()), '[::1]:80,h:1', [at('::1', 80), at('h', 1)]],
    [z.array(hostPort()), 'h:1, [2001:db8::1]:80', [at('h', 1), at('2001:db8::1', 80)]],
    [z.array(hostPort()), ' [2001:db8::1]:80 ', [at('2001:db8::1', 80)]],
    [z.array(hostPort()), '["[fe80::1]:80","h:1"]', [at('fe80::1', 80), at('h', 1)]],
    [z.array(hostPort({ defaultPort: 1 })), '[fe80::1],[::]', [at('fe80::1', 1), at('::', 1)]],
    [texts, '[fe80::1%eth0],[::ffff:1.2.3.4]', ['[fe80::1%eth0]', '[::ffff:1.2.3.4]']],
    [texts, '[0-9]*.txt,b', ['[0-9]*.txt', 'b']],
    [texts, '["a]b","[c]d"]', ['a]b', '[c]d']],
    [z.array(z.array(z.number())), '[[1],[2]]', [[1], [2]]],
    [z.array(z.number()), '[1, 2]', [1, 2]],
    [z.array(z.number()), '[]', []],
    [texts.optional(), 'a,b', ['a', 'b']],
    [texts.nullable(), 'null', null],
    [texts.nullable().default([]), 'a', ['a']],
    [texts.min(1).transform((list) => list.length), 'a,b', 2],
  ])('%#: %s', (schema, text, value) => {
    expect(z.object({ list: z.any() }).parse(acceptedList(schema, text))).toEqual({ list: value })
  })
  const acceptedList = (schema: z.ZodType, text: string) => read(schema, text)

  it.each(['a,b,', ',a', 'a,,b', ',', ' , '])('refuses an item with nothing in it: %j', (text) => {
    expect(issue(texts, text)).toMatchObject({
      code: 'unreadable',
      pathText: 'list',
      message:
        'Cannot be read: an empty item, which only the JSON form has. A list is written as JSON, ["a", "b"], or with commas, a,b',
    })
  })

  it.each(['"a,b",c', 'a, "b"', '"a"', "'a,b',c"])('refuses an item in quotes: %s', (text) => {
    expect(issue(texts, text)?.message).toMatch(
      /^Cannot be read: an item in quotes, .* A list is written as JSON/,
    )
    expect(issue(secret(texts), text)?.message).toBe(issue(texts, text)?.message)
  })

  it('says how a list is written in a file', () => {
    const { patch } = staged(z.object({ list: texts.optional() }), {
      layers: [{ ...storedLayer('file'), isNested: true }],
    })
    expect(acceptedValue(patch(0, { list: '["a,b"]' }))).toEqual({ list: ['a,b'] })
    expect(issuesOf(patch(0, { list: 'a,b' }))[0]?.message).toBe(
      'Invalid input: expected array, received string. A list is written here as a list, or as JSON in a text, ["a", "b"]',
    )
  })

  it('leaves what may be a text, or something else, to the schema', () => {
    expect(read(z.union([texts, z.string()]), 'a,b')).toEqual({ list: 'a,b' })
    expect(read(z.string(), 'a,b')).toEqual({ list: 'a,b' })
    expect(read(z.union([z.number(), texts]), '5')).toEqual({ list: 5 })
  })

  it('is taken from numbered variables too, and from the variables of no other layer', () => {
    const { patch } = staged(z.object({ list: texts }), { layers })
    expect(acceptedValue(patch(1, { LIST__0: 'a', LIST__1: 'b' }))).toEqual({ list: ['a', 'b'] })
    const stored = staged(z.object({ list: texts }), { layers })
    expect(issuesOf(stored.patch(0, { list: 'a,b' }))[0]?.message).not.toContain('commas')
  })

  it('reads 100,000 items in one go', () => {
    expect(read(z.array(z.number()), `${'1,'.repeat(99_999)}1`)).toEqual({ list: Array(100_000).fill(1) })
  })
})

test('formsOfList: an error says which forms are taken', () => {
  const scalar = 'A list is written as JSON, ["a", "b"], or with commas, a,b'
  expect(issue(z.array(z.number()), '80,x')).toMatchObject({
    pathText: 'list.1',
    message: `Invalid input: expected number, received string. ${scalar}`,
    origins: [{ key: 'APP_LIST' }],
  })
  expect(issue(z.array(z.string()), '["a"')?.message).toBe(
    `Invalid input: expected array, received string. ${scalar}`,
  )
  for (const text of [
    '[http://a:1,http://b:2]',
    '[12:30, 13:00]',
    '[redis:6379,redis2:6379]',
    '[a:b',
    '[1:2]',
  ])
    expect(issue(z.array(z.string()), text)?.message).toBe(
      `Invalid input: expected array, received string. ${scalar}`,
    )
  expect(issue(z.array(z.string()).min(2), 'a')?.message).toContain(scalar)
  expect(issue(z.array(z.object({ name: z.string() })), 'a,b')?.message).toBe(
    'Invalid input: expected array, received string. A list of this kind is written as JSON, such as [{"name": "a"}]',
  )
})
