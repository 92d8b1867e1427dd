import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { isLivetreeError } from '../errors.ts'
import { hostPort } from '../schema/host-port.ts'
import { bytes, duration, port } from '../schema/units.ts'
import { env } from '../source/env.ts'
import { file } from '../source/file.ts'
import type { Source } from '../source/source.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-written-'))
})
afterAll(() => rm(directory, { recursive: true }))

async function ofFile(extension: string, text: string): Promise<Source> {
  const path = join(directory, `written.${extension}`)
  await writeFile(path, text)
  // a file that was just written is waited for
  await utimes(path, 0, 0)
  return file(path, { watch: false, pollMs: 0 })
}

const JSON_SCALARS = ['1.10', '1e3', '-0.0', '9007199254740993', '9007199254740993.0', '1e-400', '1.0E2']
const YAML_SCALARS = [...JSON_SCALARS, '0x1F', '0x20000000000001', '0o17', 'True', 'FALSE', '.inf', '.nan']
const TOML_SCALARS = [...JSON_SCALARS, '0x1F', '0x20000000000001', '1_000', '1_000.50', 'inf', '-nan']

/** Each scalar alone, in a list, in an object, and in both. */
const forms = (scalars: readonly string[], isToml: boolean) => {
  const at = isToml ? ' = ' : ': '
  const name = isToml ? (text: string) => text : (text: string) => `"${text}"`
  return scalars.flatMap((text) => [
    text,
    `[${text}, ${text}]`,
    `{${name('kind')}${at}${text}, ${name('b')}${at}[{${name('c')}${at}${text}}]}`,
  ])
}

const entriesOf = (texts: readonly string[], at: string) =>
  texts.map((text, index) => `e${index}${at}${text}`)

const places: Record<string, () => Promise<Source>> = {
  json: () => ofFile('json', `{${forms(JSON_SCALARS, false).map((text, index) => `"e${index}": ${text}`)}}`),
  yaml: () => ofFile('yaml', entriesOf(forms(YAML_SCALARS, false), ': ').join('\n')),
  toml: () => ofFile('toml', entriesOf(forms(TOML_SCALARS, true), ' = ').join('\n')),
  'documents in variables': async () => {
    const environment = forms(JSON_SCALARS, false).map((text, index) => [`X_E${index}`, text] as const)
    return env({ prefix: 'X_', environment: Object.fromEntries(environment) })
  },
}

const printsInput = z.any().superRefine((value, context) => {
  context.addIssue({
    code: 'custom',
    message: `got ${inspect(value, { depth: 9 })} ${JSON.stringify(value)}`,
  })
})
const tagged = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('x') }),
  z.object({ kind: z.literal(2) }),
])
const kinds: Record<string, z.ZodType> = {
  string: z.string().min(99),
  email: z.email(),
  'coerced string': z.coerce.string().regex(/^never$/),
  number: z.number().max(-9),
  'coerced number': z.coerce.number().max(-9),
  int: z.int().max(-9),
  bigint: z.bigint(),
  'coerced bigint': z.coerce.bigint(),
  boolean: z.boolean().refine(() => false),
  'coerced boolean': z.coerce.boolean().refine(() => false),
  date: z.date(),
  'coerced date': z.coerce.date().min(new Date('2100-01-01')),
  enum: z.enum(['a', 'b']),
  literal: z.literal([5, 'five', null]),
  null: z.null(),
  nan: z.nan().refine(() => false),
  never: z.never(),
  undefined: z.undefined(),
  stringbool: z.stringbool(),
  template: z.templateLiteral(['v', z.number()]),
  bytes: z.instanceof(Uint8Array),
  'a class': z.instanceof(URL),
  duration: duration().max(0),
  size: bytes().max(0),
  port: port(),
  hostPort: hostPort(),
  list: z.array(z.email()),
  'list of numbers': z.array(z.number().max(-9)),
  tuple: z.tuple([z.email()], z.boolean()),
  set: z.set(z.email()),
  record: z.record(z.email(), z.email()),
  map: z.map(z.email(), z.email()),
  object: z.object({ a: z.string(), b: z.email() }),
  'strict object': z.strictObject({ kind: z.email() }),
  union: z.union([z.email(), z.object({ kind: z.email() }), z.array(z.email())]),
  'union of one': z.xor([z.string(), z.any()]),
  'tagged union': tagged,
  intersection: z.intersection(z.object({ kind: z.email() }), z.object({ b: z.email() })),
  'its input in words': printsInput,
  'its input in words, of any list': z.array(printsInput),
  'a message made of the input': z.email({ error: ({ input }) => `got ${inspect(input)}` }),
  'an error with the input': z.unknown().transform((value) => {
    throw new Error(`got ${inspect(value, { depth: 9 })}`)
  }),
  preprocess: z.preprocess((value) => `got ${inspect(value, { depth: 9 })}`, z.email()),
  json: z.json().refine((value) => value === undefined),
}

/** What nobody wrote: the class itself, or a field of it. */
const INNER = /WrittenScalar|\btext"?:/

test.each(Object.entries(kinds))(
  'issues show scalars as they were written, and no inner class: %s',
  async (_name, kind) => {
    for (const [place, open] of Object.entries(places)) {
      const definition = defineConfig({
        name: 'written',
        schema: z.object({}).catchall(kind),
        unused: 'reject',
      })
      const found = await definition.load({ sources: [await open()], logger: false }).then(
        async (config) => {
          const shown = [config.current, config.explain('e0'), config.explain('e2')]
          await config.close()
          return shown
        },
        (error: unknown) => {
          if (!isLivetreeError(error)) throw error
          expect(error.issues, error.message).toBeDefined()
          return [error.message, error.issues?.map(({ origins, ...issue }) => issue)]
        },
      )
      for (const shown of [
        inspect(found, { depth: 9, maxArrayLength: null }),
        JSON.stringify(found, numbers),
      ])
        expect(
          shown.split('\n').filter((line) => INNER.test(line)),
          place,
        ).toEqual([])
    }
  },
)

const numbers = (_name: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)
