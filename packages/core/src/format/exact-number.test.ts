import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { isLivetreeError } from '../errors.ts'
import { bytes, duration } from '../schema/units.ts'
import { env } from '../source/env.ts'
import { file } from '../source/file.ts'
import { memory } from '../source/memory.ts'
import type { Source } from '../source/source.ts'
import { exactNumber, isLost } from './exact-number.ts'

/** Every way to spell a number, whatever it is spelled in. */
const SPELLINGS: readonly ((digits: string) => string)[] = [
  (digits) => digits,
  (digits) => `${digits}.0`,
  (digits) => `${digits}e0`,
  (digits) => `${digits}0e-1`,
  (digits) => `${digits.slice(0, 1)}.${digits.slice(1)}e${digits.length - 1}`,
  (digits) => `${digits}000.000E-3`,
  (digits) => `-${digits}`,
]

describe('isLost: one rule for all spellings of a whole number', () => {
  it.each(['0', '7', '1152921504606846976', '1152921504606847000', '9007199254740991', '9007199254740992'])(
    '%s is what was meant',
    (digits) => {
      for (const spell of SPELLINGS) expect(exactNumber(spell(digits)), spell(digits)).toBeDefined()
    },
  )

  it.each([
    '9007199254740993',
    '18446744073709551615',
    '1152921504606846977',
    '10000000000000000000000000000000000000001',
  ])('%s is lost', (digits) => {
    for (const spell of SPELLINGS) expect(exactNumber(spell(digits)), spell(digits)).toBeUndefined()
  })

  it('every whole number that JavaScript has is read as it is written out, and as it prints', () => {
    let value = 1
    for (let power = 0; power < 1023; power++, value *= 2)
      for (const text of [String(BigInt(value)), String(value), value.toExponential()])
        expect(exactNumber(text), text).toBe(value)
    expect(exactNumber(String(BigInt(Number.MAX_VALUE)))).toBe(Number.MAX_VALUE)
  })

  it.each(['1e-400', '0.99999999999999999999', '-5.0000000000000000001', '9007199254740993.5'])(
    'the fraction %s is not made whole',
    (text) => {
      expect(isLost(text, Number(text))).toBe(true)
    },
  )

  it.each(['0.1', '0.10000000000000000555', '33.333333333333333', '.5', '5.', '1.5e-7', '4.9e-324'])(
    'the fraction %s is rounded',
    (text) => {
      expect(exactNumber(text)).toBe(Number(text))
    },
  )
})

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-exact-'))
})
afterAll(() => rm(directory, { recursive: true }))

async function ofFile(extension: string, text: string): Promise<Source> {
  const path = join(directory, `number.${extension}`)
  await writeFile(path, text)
  // a file that was just written is waited for
  await utimes(path, 0, 0)
  return file(path, { watch: false, pollMs: 0 })
}

/** What each place that a number may be written in makes of a text; 'refused' where it is not taken. */
async function readEverywhere(schema: z.ZodType, text: string): Promise<Record<string, unknown>> {
  const sources: Record<string, Source> = {
    variable: env({ prefix: 'X_', environment: { X_IT: text } }),
    document: env({ prefix: 'X_', environment: { X_LIST: `[${text}]` } }),
    program: memory({ it: text }),
    json: await ofFile('json', `{"it": ${text}}`),
    yaml: await ofFile('yaml', `it: ${text}`),
    toml: await ofFile('toml', `it = ${text}`),
  }
  const shape = z.object({ it: schema.optional(), list: z.array(schema).optional() })
  const found: Record<string, unknown> = {}
  for (const [place, source] of Object.entries(sources)) {
    try {
      await using config = await defineConfig({ name: 'exact', schema: shape }).load({
        sources: [source],
        logger: false,
      })
      found[place] = config.current.it ?? config.current.list?.[0]
    } catch (error) {
      if (!isLivetreeError(error)) throw error
      found[place] = 'refused'
    }
  }
  return found
}

const schemas: Record<string, z.ZodType> = {
  number: z.number(),
  'coerced number': z.coerce.number(),
  int: z.int(),
  duration: duration(),
  bytes: bytes(),
}
const texts = [
  ...['1152921504606846976', '9007199254740993', '9007199254740993.0', '9007199254740993e0', '1e22', '1e23'],
  ...['12.0', '1e3', '16.666666666666667', '16.666666666666666', '33.33333333333333333', '0.1', '1e-7'],
  ...['0.99999999999999999999', '1000.00000000000000001', '1e-400', '9007199254740991.4', '1e400'],
]

describe.each(Object.entries(schemas))('%s', (_name, schema) => {
  test.each(texts)('%s is one number, or none, wherever it is written', async (text) => {
    const found = await readEverywhere(schema, text)
    expect(new Set(Object.values(found)), JSON.stringify(found)).toHaveLength(1)
  })
})
