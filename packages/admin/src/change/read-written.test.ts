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
  }),
})

/** The keys that writing a text at a path changes, in a layer that has these. */
async function written(path: string, text: string, stored: Readonly<Record<string, string>> = {}) {
  const { workspace, edit, edits } = editedLayer(definition, stored)
  const place = path.split('.')
  const [step] = await readWritten(workspace, [{ type: 'written', prefix: '/shop', path: place, text }])
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
])('%s = %j', async (path, text, edits) => {
  expect(await written(path, text)).toEqual(edits)
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
