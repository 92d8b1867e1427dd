import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { sealed } from '../schema/sealed.ts'
import { secret } from '../schema/secret.ts'
import { expandVariables } from '../source/expand-variables.ts'
import { flatten } from '../source/flatten.ts'
import { Unreadable } from '../source/source.ts'
import { issuesOf, staged, storedLayer } from './staged.test.kit.ts'

const WORD = 'hunter2'

/** Passwords that `expand` takes for references. Each holds the word. */
const PASSWORDS = [
  `pre\${${WORD}}post`,
  `\${${WORD}}`,
  `p\${${WORD}!x}`,
  `p\${${WORD}:-\${x}}`,
  `p\${${WORD}`,
  `{"a": "\${${WORD}}"`,
]

const hidden = () => secret(z.string())

/** Where a secret may stand, and the document that has it there. */
const PLACES: readonly (readonly [string, z.ZodType, (text: string) => unknown])[] = [
  ['a secret', hidden(), (text) => text],
  ['a sealed value', sealed(z.string()), (text) => text],
  ['a secret with a default', hidden().default('x'), (text) => text],
  ['a secret of a transform', hidden().transform((value) => value.length), (text) => text],
  ['a list of secrets', z.array(hidden()), (text) => ['a', text]],
  ['a secret list', secret(z.array(z.string())), (text) => ['a', text]],
  ['a list of objects', z.array(z.object({ key: hidden() })), (text) => [{ key: text }]],
  ['a tuple', z.tuple([z.string(), hidden()]), (text) => ['a', text]],
  ['a record', z.record(z.string(), hidden()), (text) => ({ a: text })],
  ['a secret record', secret(z.record(z.string(), z.string())), (text) => ({ a: text })],
  ['a map', z.map(z.string(), hidden()), (text) => ({ a: text })],
  ['a pair of a map', z.map(z.string(), hidden()), (text) => [['a', text]]],
  ['a union', z.union([z.object({ key: hidden() }), z.number()]), (text) => ({ key: text })],
  [
    'an option by its tag',
    z.discriminatedUnion('type', [
      z.object({ type: z.literal('a'), key: hidden() }),
      z.object({ type: z.literal('b'), key: z.string() }),
    ]),
    (text) => ({ type: 'b', key: text }),
  ],
  [
    'an intersection',
    z.intersection(z.object({ key: z.string() }), z.object({ key: hidden() })),
    (text) => ({ key: text }),
  ],
  ['any other name', z.object({}).catchall(hidden()), (text) => ({ key: text })],
  ['text for an object', z.object({ key: hidden() }), (text) => text],
  ['text for a list', z.array(hidden()), (text) => text],
  ['a name that nothing knows', z.object({ key: hidden() }), (text) => ({ key: 'x', kee: text })],
  ['below a secret', hidden(), (text) => ({ below: text })],
]

const refused = (schema: z.ZodType, document: unknown) => {
  const layer = { ...storedLayer('file'), isNested: true }
  const { pipeline, replace } = staged(z.object({ at: schema, other: z.number() }), { layers: [layer] })
  const leaves = flatten(expandVariables({ at: document }, {}))
  const outcome = replace(0, Object.fromEntries(leaves.map(({ path, value }) => [path, value])))
  return {
    issues: issuesOf(outcome),
    explained: ['', 'at', 'at.key', 'at.0'].map((path) => pipeline.explain(path)),
  }
}

describe('what cannot be read is not quoted where a secret may be', () => {
  describe.each(PLACES)('%s', (_name, schema, at) => {
    test.each(PASSWORDS)('%s', (text) => {
      const { issues, explained } = refused(schema, at(text))
      expect(issues.length).toBeGreaterThan(0)
      expect(inspect([issues, explained], { depth: 20 })).not.toMatch(/hunter/i)
      expect(JSON.stringify([issues, explained])).not.toMatch(/hunter/i)
    })
  })

  test('names that stand for one key', () => {
    const lower = z.string().transform((name) => name.toLowerCase())
    for (const schema of [z.map(lower, hidden()), secret(z.map(lower, z.string()))]) {
      const { issues } = refused(schema, [
        [WORD, 'a'],
        [WORD.toUpperCase(), 'b'],
      ]) // prettier-ignore
      expect(issues[0]?.message).toContain('stand for one key')
      expect(inspect(issues, { depth: 20 })).not.toMatch(/hunter/i)
    }
  })

  test('it is at the root of a layer', () => {
    const { replace } = staged(z.object({ at: hidden() }))
    const value = expandVariables(`\${${WORD}}`, {})
    expect(inspect(issuesOf(replace(0, { '': value })), { depth: 20 })).not.toMatch(/hunter/i)
  })
})

describe('what cannot be read is quoted where no secret can be', () => {
  test.each([
    ['beside a secret', z.string(), '${HOST}'],
    ['in a list', z.array(z.string()), ['${HOST}']],
    ['in a union', z.union([z.object({ key: z.string() }), z.number()]), { key: '${HOST}' }],
    ['in a record', z.record(z.string(), z.string()), { key: '${HOST}' }],
  ])('%s', (_name, schema, document) => {
    const layer = { ...storedLayer('file'), isNested: true }
    const { replace } = staged(z.object({ at: schema, password: hidden().optional() }), { layers: [layer] })
    const leaves = flatten(expandVariables({ at: document }, {}))
    const outcome = replace(0, Object.fromEntries(leaves.map(({ path, value }) => [path, value])))
    expect(issuesOf(outcome)[0]?.message).toBe(
      'Cannot be read: the variable HOST, which is not set. Set it, or write ${HOST:-default}',
    )
  })

  test('a secret leaf says what is wrong all the same', () => {
    const [issue] = refused(hidden(), '${HOST}').issues
    expect(issue?.message).toBe(
      'Cannot be read: a variable that is not set. Set it, or write ${VAR:-default}; "$${" stands for "${"',
    )
    expect(new Unreadable('a', 'b')).toMatchObject({ reason: 'a', quoting: 'b' })
  })
})
