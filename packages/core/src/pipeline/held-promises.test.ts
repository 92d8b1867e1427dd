import { expect, test } from 'vitest'
import * as z from 'zod'
import { secret } from '../schema/secret.ts'
import { staged } from './staged.test.kit.ts'
import { collectUnhandled } from '../unhandled-rejections.test.kit.ts'

const unhandled = collectUnhandled()

const rejecting = async (): Promise<never> => {
  throw new Error('boom')
}
const error = rejecting as unknown as () => string
class Holder {
  inner = Promise.reject(new Error('boom'))
}

test.each<[string, () => z.ZodType]>([
  ['the error map of a schema', () => z.number({ error })],
  ['the error map of a check', () => z.number().min(5, { error })],
  ['the error map of a secret', () => secret(z.number().min(5, { error }))],
  ['the error map of an object', () => z.strictObject({ b: z.number() }, { error })],
  ['a refinement', () => z.any().refine(() => rejecting())],
  [
    'the condition of a refinement',
    () => z.any().refine(() => false, { when: rejecting as unknown as () => boolean }),
  ],
  ['the message of a refinement', () => z.any().refine(() => false, { error })],
  ['a transform', () => z.any().transform(() => rejecting())],
  [
    'a getter',
    () =>
      z.any().transform(() => ({
        get inner() {
          return rejecting()
        },
      })),
  ],
  [
    'a getter in a list',
    () =>
      z.any().transform(() => [
        {
          get inner() {
            return rejecting()
          },
        },
      ]),
  ],
  ['a map', () => z.any().transform(() => new Map([['x', rejecting()]]))],
  ['an instance', () => z.any().transform(() => new Holder())],
  ['a proxy', () => z.any().transform(() => new Proxy({}, { ownKeys: () => [String(rejecting())] }))],
  ['a default', () => z.object({ b: z.any().default(() => rejecting()) })],
  ['a catch', () => z.number().catch(() => rejecting() as unknown as number)],
  ['a preprocess', () => z.preprocess(() => rejecting(), z.any())],
  [
    'the key of a record',
    () =>
      z.record(
        z.string().refine(() => rejecting()),
        z.any(),
      ),
  ],
  ['a lazy part', () => z.lazy(() => z.any().refine(() => rejecting()))],
])('no promise of the schema’s own code is left without a holder: %s', async (_what, make) => {
  for (const schema of [make(), z.array(make()), secret(z.object({ it: make() }))]) {
    for (const text of ['1', 'x', '{"it":1}', '[1]']) {
      const { patch, pipeline } = staged(
        z.object({ a: schema.optional(), pin: secret(z.string()).optional() }),
      )
      patch(0, { a: text, 'a/b': 'x' })
      patch(0, { a: text, 'a/b': undefined })
      pipeline.explain('a')
    }
  }
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
})

test('no promise of an error map that belongs to no schema is left without a holder', async () => {
  const before = z.config().customError
  z.config({ customError: error })
  try {
    staged(z.object({ a: z.number() })).patch(0, { a: 'x' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).toEqual([])
  } finally {
    z.config({ customError: before })
  }
})
