import { expect, test } from 'vitest'
import { runNode } from '../../support/run-node.ts'

test('promises that the code of a schema makes, and that reject, end no process: the tree is rejected', async () => {
  const { code, output } = await runNode(new URL('./async-schema-process.ts', import.meta.url), {})
  expect(output.trim().split('\n')).toEqual([
    'refinement: 5 rejected',
    'two refinements: 5 rejected',
    'superRefine: 5 rejected',
    'transform: 5 rejected',
    'pre-rejected: 5 rejected',
    'preprocess: 5 rejected',
    'a promise inside: 5 rejected',
    'a promise by default: 5 rejected',
    'codec: 5 rejected',
    'catch: 5 rejected',
    'beside a throw: 5 rejected',
    // zod takes what a format of one's own answers for true
    'a format: 0 rejected',
    'alive',
  ])
  expect(code).toBe(0)
})
