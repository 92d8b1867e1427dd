import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from './define-config.ts'
import { LivetreeError } from './errors.ts'
import { createPipeline } from './pipeline/create-pipeline.ts'
import { compileSchema } from './schema/compile-schema.ts'
import { hostPort } from './schema/host-port.ts'
import { createManualSource } from './testing/manual-source.ts'
import { createTestConfig } from './testing/create-test-config.ts'

const schema = z.object({ a: z.string().default('x') })
const definition = defineConfig({ name: 'x', schema })

/** Every call with options that no `load` checks, with options it takes, and one that is misspelt. */
const calls: Readonly<Record<string, { call: (options: never) => unknown; good: object; near: string }>> = {
  'compileSchema()': {
    call: (options) => compileSchema(schema, options),
    good: { naming: 'kebab-case' },
    near: 'naming',
  },
  'createPipeline()': {
    call: (options) => createPipeline(compileSchema(schema), [], options),
    good: { unused: 'reject', guard: { minRemoved: 1 }, isRenamed: true },
    near: 'isRenamed',
  },
  'hostPort()': { call: (options) => hostPort(options), good: { defaultPort: 80 }, near: 'defaultPort' },
  'createManualSource()': {
    call: (options) => createManualSource(options),
    good: { name: 'm', isRemote: false },
    near: 'isRemote',
  },
  'createTestConfig()': {
    call: async (options) => (await createTestConfig(definition, {}, options)).close(),
    good: { sources: [], maxStalenessMs: 5 },
    near: 'maxStalenessMs',
  },
}

describe.each(Object.entries(calls))('%s', (name, { call, good, near }) => {
  const refusal = async (options: unknown) => {
    try {
      await call(options as never)
    } catch (error) {
      return error
    }
    return undefined
  }

  test('takes its options, and those that are undefined', async () => {
    expect(await refusal(good)).toBeUndefined()
    expect(await refusal(undefined)).toBeUndefined()
    expect(await refusal({ [near]: undefined })).toBeUndefined()
  })

  const rejected = () => Promise.reject(new Error('late'))
  test.each([() => null, () => 5, () => 'text', () => [], () => Promise.resolve({}), rejected])(
    'refuses what is no options: %s',
    async (make) => {
      const error = await refusal(make())
      expect(error).toBeInstanceOf(LivetreeError)
      expect(error).toMatchObject({
        code: 'invalid_options',
        message: expect.stringContaining(`${name} got`) as string,
      })
    },
  )

  test('refuses an option that is misspelt, and names the one that is meant', async () => {
    expect(await refusal({ [near.slice(0, -1)]: undefined })).toMatchObject({
      code: 'invalid_options',
      message: expect.stringMatching(`has no option "${near.slice(0, -1)}". .*${near}`) as string,
    })
  })

  test.each(Object.keys(good))('refuses a wrong %s', async (option) => {
    for (const value of [null, Symbol('x'), Promise.resolve(1)]) {
      const error = await refusal({ [option]: value })
      expect(error).toMatchObject({
        code: 'invalid_options',
        message: expect.stringMatching(new RegExp(`got ${option} = |${option} \\}\\) got`)) as string,
      })
    }
  })
})

test('createPipeline: refuses wrong options of the guard', () => {
  const create = (guard: object) => createPipeline(compileSchema(schema), [], { guard })
  expect(() => create({ minRemoved: 'all' })).toThrow('createPipeline({ guard }) got minRemoved = "all"')
  expect(() => create({ maxRemoved: 1 })).toThrow('createPipeline({ guard }) has no option "maxRemoved"')
})
