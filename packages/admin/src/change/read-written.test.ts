import { defineConfig } from '@livetree/core'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { editedLayer } from '../../../../test/support/edit-layer.ts'
import { AdminError } from '../errors.ts'
import { readWritten } from './read-written.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({
    max: z.number(),
    text: z.string(),
    hosts: z.array(z.string()),
    pool: z.object({ min: z.number(), max: z.number() }),
    note: z.union([z.string(), z.object({ by: z.string() })]),
    flags: z.record(z.string(), z.union([z.boolean(), z.object({ by: z.string() })])),
    names: z.union([z.string(), z.array(z.string())]),
    off: z.object({ by: z.string() }).nullable(),
  }),
})

/** The keys that writing a text at a path changes, in a layer that has these. */
async function written(path: string, text: string, stored: Readonly<Record<string, string>> = {}) {
  const { workspace, state, edit, edits } = editedLayer(definition, stored)
  const place = path.split('.')
  const [step] = await readWritten(
    workspace,
    [{ type: 'written', prefix: '/shop', path: place, text }],
    state,
  )
  if (step?.type === 'part') edit.setPart(place, step.tree)
  else edit.setText(place, step?.type === 'text' ? step.text : '')
  return edits()
}

test.each([
  ['max', '20', { '/shop/max': '20' }],
  ['max', 'ten', { '/shop/max': 'ten' }],
  ['text', '[a]', { '/shop/text': '[a]' }],
  ['hosts', '[a, b c]', { '/shop/hosts': '["a","b c"]' }],
  ['hosts', '- a\n- "1"\n', { '/shop/hosts': '["a","1"]' }],
  ['pool', '{ min: 1, max: 2 }', { '/shop/pool/min': '1', '/shop/pool/max': '2' }],
  ['note', 'a text', { '/shop/note': 'a text' }],
  ['note', '[a, b]', { '/shop/note': '[a, b]' }],
  ['note', 'no: yaml: at all', { '/shop/note': 'no: yaml: at all' }],
  ['note', '{ by: ana }', { '/shop/note/by': 'ana' }],
  ['flags.a', 'true', { '/shop/flags/a': 'true' }],
  ['flags.a', '{ by: ana }', { '/shop/flags/a/by': 'ana' }],
  ['names', 'ana', { '/shop/names': 'ana' }],
  ['off', 'null', { '/shop/off': 'null' }],
])('%s = %j', async (path, text, edits) => {
  expect(await written(path, text)).toEqual(edits)
})

test('a list where its text would be read as text is refused, not written as that', async () => {
  await expect(written('names', '[ana, bob]')).rejects.toMatchObject({ code: 'unwritable_value' })
})

const loose = defineConfig({
  name: 'shop',
  schema: z.object({
    any: z.array(z.unknown()),
    nums: z.array(z.number()),
    num: z.number(),
    text: z.string(),
    pool: z.object({ min: z.number(), max: z.number() }),
  }),
})

/** The keys that an edited text changes. */
async function edited(
  before: string,
  after: string,
  stored: Readonly<Record<string, string>>,
  top: string[] = [],
) {
  const { workspace, state, edit, edits } = editedLayer(loose, stored)
  const steps = await readWritten(workspace, [{ type: 'edited', prefix: '/shop', before, after, top }], state)
  for (const step of steps)
    if (step.type === 'tree') edit.setTree(step.path, step.tree)
    else if (step.type === 'unset') edit.unset(step.path)
  return edits()
}

const LONG = '[1,100000000000000000000,1e400,1.10]'

test.each([
  ['nothing', `any: ${LONG}`, {}],
  [
    'an item of a list',
    'any: [2,100000000000000000000,1e400,1.10]',
    { '/shop/any': '[2,100000000000000000000,1e400,1.10]' },
  ],
  ['another list', `any: ${LONG}\nnums: [0x1FFFFFFFFFFFFFFFFF]`, { '/shop/nums': '[590295810358705651711]' }],
  ['a number', `any: ${LONG}\nnum: 0.10000000000000000001`, { '/shop/num': '0.10000000000000000001' }],
  ['an object', `any: ${LONG}\npool: {min: 1, max: 2}`, { '/shop/pool/min': '1', '/shop/pool/max': '2' }],
  ['merged names', `any: ${LONG}\npool: {<<: {min: 1}}`, { '/shop/pool/min': '1' }],
  ['a name', 'text: x', { '/shop/any': undefined, '/shop/text': 'x' }],
  ['all names', '{}', { '/shop/any': undefined }],
])('an edited text writes what differs, with all digits, as an import does: %s', async (_, after, edits) => {
  expect(await edited(`any: ${LONG}\n`, after, { any: LONG, 'pool/secret': 'kept' })).toEqual(edits)
})

test('an edited text changes nothing beside the place that is meant', async () => {
  expect(
    await edited('num: 1\ntext: a\n', 'num: 2\npool: { min: 3 }\n', { num: '1', text: 'a' }, ['pool']),
  ).toEqual({
    '/shop/pool/min': '3',
  })
})

test.each([
  ['', 'it holds nothing'],
  ['# a comment\n', 'it holds nothing'],
  ['---\n', 'no object of names'],
  ['null', 'no object of names'],
  ['garbage', 'no object of names'],
  ['- a', 'no object of names'],
  ['num: 1\n---\nnum: 2', '2 documents'],
  ['any: [.nan, 1e400]', '"any.0" (line 1)'],
  ['num: 5\nany: !!binary aGVsbG8=', '"any" (line 2)'],
  ['text: !!set { x }', '"text" (line 1)'],
  ['any: [!!omap [a: 1]]', '"any.0" (line 1)'],
])('an edited text that is no tree is refused, and removes nothing: %j', async (after, why) => {
  await expect(edited('num: 1\n', after, { num: '1' })).rejects.toThrow(why)
})

test('a text that UTF-8 cannot say is refused when the change is planned', async () => {
  const { edit } = editedLayer(loose)
  for (const write of [() => edit.setText(['text'], 'a\ud800'), () => edit.putKey('/shop/x', '\udc00')])
    expect(write).toThrow(/\[unwritable_value\].*half of a surrogate pair/)
})

test('what stands below an object is replaced, and a key that stays the same is no change', async () => {
  const stored = { 'pool/min': '1', 'pool/max': '9', 'pool/old': '7' }
  expect(await written('pool', '{"min": 1, "max": 2}', stored)).toEqual({
    '/shop/pool/max': '2',
    '/shop/pool/old': undefined,
  })
})

test.each([
  ['hosts', 'a', 'expected a list'],
  ['hosts', '{ a: 1 }', 'expected a list'],
  ['pool', '[1]', 'expected an object'],
  ['pool', '{', 'no YAML'],
  ['hosts', '[a, .nan]', 'a finite number, true, false nor null, at "1" (line 1)'],
  ['pool', 'a: 1\n---\nb: 2\n', 'one YAML document'],
])('%s = %j is refused: %s', async (path, text, why) => {
  await expect(written(path, text)).rejects.toThrow(AdminError)
  await expect(written(path, text)).rejects.toThrow(why)
})
