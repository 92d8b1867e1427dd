import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { isLivetreeError, type LivetreeError } from '../errors.ts'
import { memory } from '../source/memory.ts'
import { collectUnhandled } from '../unhandled-rejections.test.kit.ts'

const unhandled = collectUnhandled()

const boom = (): never => {
  throw new Error('boom')
}
const proxy = (handler: ProxyHandler<object>, target: object = {}) => new Proxy(target, handler)
class Part {
  readonly a = 3
}

/** Functions that a schema may be given; each gives no value, or one that hurts whoever reads it. */
const FUNCTIONS: Record<string, () => unknown> = {
  'throws an error': boom,
  'throws undefined': () => {
    throw undefined
  },
  'throws what has no words': () => {
    throw proxy({ get: boom, getPrototypeOf: boom }, new Error('x'))
  },
  'returns a promise that rejects': () => Promise.reject(new Error('boom')),
  'returns a promise inside of an object': () => ({ a: Promise.reject(new Error('boom')) }),
  'returns a getter that throws': () => Object.defineProperty({}, 'a', { get: boom, enumerable: true }),
  'returns names that throw': () => proxy({ ownKeys: boom }),
  'returns properties that throw': () => proxy({ getOwnPropertyDescriptor: boom, ownKeys: () => ['a'] }),
  'returns a prototype that throws': () => proxy({ getPrototypeOf: boom }),
  'returns an instance whose properties throw': () =>
    proxy({ getOwnPropertyDescriptor: boom, ownKeys: boom, get: boom, has: boom }, new Part()),
  'returns a revoked Proxy': () => {
    const revocable = Proxy.revocable({}, {})
    revocable.revoke()
    return revocable.proxy
  },
  'returns what holds itself': () => {
    const self: Record<string, unknown> = {}
    self.a = self
    return self
  },
}

const part = z.object({ a: z.number().default(1) })

const PLACES: Record<string, (run: () => never) => z.ZodType> = {
  'z.lazy()': (run) => z.object({ t: z.lazy(run) }),
  'a prefault': (run) => z.object({ t: part.prefault(run) }),
  'a prefault of a lazy object': (run) => z.object({ t: z.lazy(() => part).prefault(run) }),
  'a prefault of a list': (run) => z.object({ t: z.array(part).prefault(run) }),
  'a prefault of a union': (run) => z.object({ t: z.union([z.string(), part]).prefault(run) }),
  'a prefault of all': (run) => z.object({ t: part }).prefault(run),
  'a default': (run) => z.object({ t: part.default(run) }),
  'a preprocess': (run) => z.object({ t: z.preprocess(run, part) }),
  'a transform in a pipe': (run) =>
    z.object({ t: part.transform(run as () => z.input<typeof part>).pipe(part) }),
  'a catch': (run) => z.object({ t: z.number().catch(run) }),
}

const cases = Object.keys(FUNCTIONS).flatMap((what) => Object.keys(PLACES).map((where) => ({ what, where })))

test.each(cases)('$where that $what is refused with words, or served', async ({ what, where }) => {
  const schemaOf = PLACES[where] as (run: () => never) => z.ZodType
  let failure: unknown
  try {
    const definition = defineConfig({ name: 'shop', schema: schemaOf(FUNCTIONS[what] as () => never) })
    const config = await definition.load({ sources: [memory({})], logger: false })
    await config.close()
  } catch (error) {
    failure = error
  }
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
  if (failure === undefined) return
  expect(isLivetreeError(failure)).toBe(true)
  expect((failure as LivetreeError).message).not.toMatch(/could not be validated/)
})

test('z.lazy() that throws is named, with its path and cause', () => {
  const schema = z.object({ db: z.object({ pool: z.lazy(boom) }) })
  expect(() => defineConfig({ name: 'shop', schema })).toThrow(
    expect.objectContaining({
      code: 'invalid_schema',
      message: expect.stringContaining('own code at "db.pool" threw while the schema was read: boom.'),
      cause: expect.objectContaining({ message: 'boom' }),
    }),
  )
})
