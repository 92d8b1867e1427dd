import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { secret } from '../schema/secret.ts'
import { leavesOf } from './leaves-of.ts'

const closed = z.object({ kind: z.literal('a'), part: secret(z.string()) })
const open = z.object({ kind: z.literal('b'), part: z.literal('hunter2') })

test.each([
  ['a union', z.discriminatedUnion('kind', [closed, open])],
  ['a union in the other order', z.discriminatedUnion('kind', [open, closed])],
  ['an intersection', z.intersection(open.omit({ kind: true }), closed.omit({ kind: true }))],
])('leavesOf: tells no constant of a place that is secret on another side of %s', (_name, schema) => {
  const leaves = leavesOf(defineConfig({ name: 'x', schema: z.object({ schema }) }))
  expect(JSON.stringify(leaves)).not.toContain('hunter2')
  expect(leaves.find(({ pathText }) => pathText === 'schema.part')?.isSecret).toBe(true)
})
