import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { type DefineConfigOptions, defineConfig } from './define-config.ts'
import { livetreeErrorCodes } from './errors.ts'
import { memory } from './source/memory.ts'

const schema = z.object({ port: z.number() })

describe('defineConfig', () => {
  it('is pure data with a load, and resolves every option', () => {
    const definition = defineConfig({ name: 'shop', schema })
    expect(definition).toMatchObject({ name: 'shop', schema, naming: 'exact', unused: 'warn', guard: {} })
    expect(Object.isFrozen(definition)).toBe(true)
  })

  it.each<[string, Partial<DefineConfigOptions<typeof schema>>, RegExp]>([
    ['no name', { name: '' }, /defineConfig\(\) got name = an empty text; expected a name of 1 to 200/],
    [
      'half a character',
      { name: 'a\ud800' },
      /defineConfig\(\) got name = .*; expected a name .*without lone surrogates/,
    ],
    ['what is no schema', { schema: {} as typeof schema }, /got schema = an object; expected a zod 4 schema/],
    [
      'sources that are open already',
      { sources: [memory()] as never },
      /got sources = a list; expected a function/,
    ],
    [
      'a naming that is none',
      { naming: 'camel' as 'exact' },
      /naming = "camel"; expected one of 'exact', 'kebab-case', 'snake_case'/,
    ],
    [
      'an unused that is none',
      { unused: 'explode' as 'warn' },
      /"explode"; expected one of 'ignore', 'warn', 'reject'/,
    ],
    [
      'a share above 1',
      { guard: { maxRemovedShare: 50 } },
      /maxRemovedShare = 50; expected a number from 0 to 1/,
    ],
    ['an option nobody knows', { shcema: schema } as never, /has no option "shcema"\. Did you mean "schema"/],
    ['a missing name', { name: undefined as never }, /needs a name/],
    ['a count below 0', { guard: { minRemoved: -1 } }, /minRemoved = -1/],
  ])('refuses %s when it is defined', (_what, options, expected) => {
    expect(() => defineConfig({ name: 'shop', schema, ...options })).toThrow(expected)
    expect(() => defineConfig({ name: 'shop', schema, ...options })).toThrow('[invalid_definition]')
  })

  it('has the schema refused with the path', () => {
    const bad = z.object({ on: z.object({ event: z.symbol() }) })
    expect(() => defineConfig({ name: 'shop', schema: bad })).toThrow(/\[invalid_schema\].*on\.event/)
  })

  it.each([z.object({ port: z.number() }), mini.object({ port: mini.number() })])(
    'loads classic and mini schemas',
    async (one) => {
      await using config = await defineConfig({ name: 'shop', schema: one }).load({
        sources: [memory({ port: '80' })],
      })
      expect(config.current).toEqual({ port: 80 })
    },
  )

  it('passes naming, unused and guard on to the pipeline', async () => {
    const named = defineConfig({
      name: 'shop',
      schema: z.object({ httpPort: z.number() }),
      naming: 'kebab-case',
      unused: 'reject',
    })
    // memory has the schema's own names; a file has the stored ones
    await using config = await named.load({ sources: [memory({ httpPort: 1 })] })
    expect(config.current.httpPort).toBe(1)
    await expect(named.load({ sources: [memory({ httpPort: 1, other: 1 })] })).rejects.toMatchObject({
      issues: [{ code: 'unused' }],
    })
  })
})

describe('livetreeErrorCodes', () => {
  it.each(Object.entries(livetreeErrorCodes))(
    '%s has a meaning and a remedy',
    (_code, { meaning, remedy }) => {
      expect(meaning).toMatch(/\w.*\.$/)
      expect(remedy).toMatch(/\w/)
    },
  )
})
