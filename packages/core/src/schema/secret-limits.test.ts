import assert from 'node:assert'
import { Console } from 'node:console'
import { readFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { format, inspect } from 'node:util'
import { serialize } from 'node:v8'
import { pino } from 'pino'
import { describe, expect, it, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { createTestConfig } from '../testing/create-test-config.ts'
import { sealed } from './sealed.ts'
import { secret } from './secret.ts'

const PLANTED = 'hunter2-planted'

const page = (path: string) =>
  readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8').replace(/\s+/g, ' ')
const USING = page('docs/using.md')
const THREATS = page('docs/threat-model.md')

/** What is written to a stream, as text. */
function written(write: (stream: Writable) => void): string {
  const chunks: Buffer[] = []
  write(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(Buffer.from(chunk))
        done()
      },
    }),
  )
  return Buffer.concat(chunks).toString()
}

function messageOf(run: () => void): string {
  try {
    run()
  } catch (error) {
    return String((error as Error).message)
  }
  throw new Error('nothing was thrown')
}

type Show = (value: object) => string

/** What reads the properties of a value; `secret()` cannot know of it. By the words that say so. */
const leaking: readonly (readonly [words: string, show: Show])[] = [
  ['{ ...config.current.db }', (value) => JSON.stringify({ ...value })],
  ['structuredClone', (value) => JSON.stringify(structuredClone(value))],
  ['Object.entries', (value) => String(Object.entries(value))],
  ['console.dir', (value) => written((stream) => new Console(stream).dir(value))],
  ['assert.deepEqual', (value) => messageOf(() => assert.deepEqual(value, { host: 'other' }))],
  ['log.info(config.current.db)', (value) => written((stream) => pino({}, stream).info(value))],
]

/** Other ways to show a value, on purpose or not. */
const quiet: readonly (readonly [how: string, show: Show])[] = [
  ['JSON.stringify', (value) => JSON.stringify(value)],
  ['JSON.stringify inside another object', (value) => JSON.stringify({ list: [value] }, undefined, 2)],
  ['inspect', (value) => inspect(value)],
  [
    'inspect with every option that shows more',
    (value) =>
      inspect(value, {
        showHidden: true,
        depth: null,
        getters: true,
        showProxy: true,
        maxStringLength: null,
      }),
  ],
  ['inspect inside another object', (value) => inspect({ list: [new Map([[1, value]])] }, { depth: null })],
  ['format', (value) => ['%s', '%o', '%O', '%j', '%d', '%i'].map((each) => format(each, value)).join()],
  ['console.log', (value) => written((stream) => new Console(stream).log('at', value))],
  ['console.table', (value) => written((stream) => new Console(stream).table([{ host: 'x' }]) ?? value)],
  ['text', (value) => `${String(value)} ${[value].join()} ${Object.keys(value).join()}`],
  ['an error', (value) => inspect(new Error('failed', { cause: value }))],
  ['a field of what pino logs', (value) => written((stream) => pino({}, stream).info({ db: value }))],
]

const definition = defineConfig({
  name: 'limits',
  schema: z.object({
    db: z.object({ host: z.string(), password: secret(z.string()) }),
    held: z.object({ host: z.string(), password: sealed(z.string()) }),
  }),
})
const open = () => {
  const given = { host: 'x', password: PLANTED }
  return createTestConfig(definition, { db: given, held: given })
}

describe('secret()', () => {
  test.each(leaking)(
    'cannot hide it from what reads properties, as docs/using.md says: %s',
    async (words, show) => {
      await using config = await open()
      expect(show(config.current.db)).toContain(PLANTED)
      expect(USING).toContain(words)
    },
  )

  test.each(quiet)('hides it from %s', async (_how, show) => {
    await using config = await open()
    for (const value of [config.current.db, config.current, config])
      expect(show(value)).not.toContain(PLANTED)
  })

  it('the threat model names the same ways', () => {
    const named = ['spread', 'structuredClone', 'Object.entries', 'console.dir', '`assert`', 'pino']
    for (const words of named) expect(THREATS).toContain(words)
  })
})

test.each([...leaking, ...quiet])('sealed() hides it from %s', async (_how, show) => {
  await using config = await open()
  const { held } = config.current
  let shown: string
  try {
    shown = show(held) + show(held.password)
  } catch (error) {
    shown = inspect(error, { showHidden: true, depth: null })
  }
  expect(shown).not.toContain(PLANTED)
  expect(held.password.reveal()).toBe(PLANTED)
})

describe('what a schema of your own does with a secret, as the threat model says', () => {
  const password = secret(z.string())
  const shownBy = async (schema: z.ZodObject, given: object) => {
    await using config = await createTestConfig(defineConfig({ name: 'own', schema }), given as never)
    return Object.values(config.current)
      .map((part) => JSON.stringify(part))
      .join()
  }

  it('a refinement that writes it into another property is not detected', async () => {
    const schema = z.object({
      db: z.object({ password, note: z.string() }).refine((value) => {
        value.note = value.password
        return true
      }),
    })
    expect(await shownBy(schema, { db: { password: PLANTED, note: '' } })).toContain(PLANTED)
    expect(THREATS).toContain('a refinement that writes a secret into another property of its input')
  })

  it('a toJSON function that a transform adds is not detected', async () => {
    const schema = z.object({
      db: z.object({ password, host: z.string() }).transform((value) => ({
        ...value,
        toJSON: () => value.password,
      })),
    })
    expect(await shownBy(schema, { db: { password: PLANTED, host: 'x' } })).toContain(PLANTED)
    expect(THREATS).toContain('a `toJSON` function added by a transform')
  })

  it('a secret in the name of a key is shown', async () => {
    const schema = z.object({ tokens: z.record(z.string(), secret(z.string())) })
    expect(await shownBy(schema, { tokens: { [PLANTED]: 'x' } })).toContain(PLANTED)
    expect(THREATS).toContain('a secret in the name of a key is shown')
  })
})

test('what is serialized is read property by property, as by structuredClone', async () => {
  await using config = await open()
  expect(serialize({ ...config.current.db }).toString('latin1')).toContain(PLANTED)
})
