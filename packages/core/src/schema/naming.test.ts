import { expect, test } from 'vitest'
import * as z from 'zod'
import { compileSchema } from './compile-schema.ts'
import { environmentName, storedName } from './naming.ts'
import { canonicalName } from './property-name.ts'

test.each([
  ['timeoutMs', 'timeout-ms', 'timeout_ms', 'TIMEOUT_MS'],
  ['HTTPServer', 'http-server', 'http_server', 'HTTP_SERVER'],
  ['v2Api', 'v2-api', 'v2_api', 'V2_API'],
  ['port', 'port', 'port', 'PORT'],
  ['max_pool-size', 'max-pool-size', 'max_pool_size', 'MAX_POOL_SIZE'],
  ['_', '_', '_', '_'],
])('storedName and environmentName: %s', (name, kebab, snake, environment) => {
  expect(storedName(name, 'exact')).toBe(name)
  expect(storedName(name, 'kebab-case')).toBe(kebab)
  expect(storedName(name, 'snake_case')).toBe(snake)
  expect(environmentName(name)).toBe(environment)
})

/** Letters whose other case has another length, another base, or is that of several. */
const ODD_LETTERS = [
  'İ',
  'ı',
  'ß',
  'ŉ',
  'ﬁ',
  'ΐ',
  'Σ',
  'ς',
  '\u212a',
  '\u212b',
  'ǅ',
  'É',
  'é',
  'Ω',
  '\u017f',
  'Ⅷ',
  'ⓐ',
  '𐐀',
]

test.each(ODD_LETTERS)('only the letters a to z change case: %s', (letter) => {
  const name = `${letter}stan-bul${letter}`
  expect(environmentName(name)).toBe(`${letter}STAN_BUL${letter}`)
  expect(storedName(`${letter}stanBul`, 'kebab-case')).toBe(`${letter}stan-bul`)
  const open = compileSchema(z.record(z.string(), z.string()))
  const variable = `${letter}STAN${letter}`
  const entry = canonicalName(open, variable, 'env')
  expect(entry).toBe(`${letter}stan${letter}`)
  expect(environmentName(String(entry))).toBe(variable)
})

const schemaNode = compileSchema(
  z.intersection(
    z.object({ timeoutMs: z.number(), flags: z.record(z.string(), z.boolean()) }),
    z.union([z.object({ maxSize: z.number() }), z.object({ minSize: z.number() })]),
  ),
  { naming: 'kebab-case' },
)

test.each([
  ['timeout-ms', 'stored', 'timeoutMs'],
  ['min-size', 'stored', 'minSize'],
  ['strange', 'stored', 'strange'],
  // one key for each place: the other spelling is not taken
  ['timeoutMs', 'stored', undefined],
  ['maxSize', 'stored', undefined],
  ['TIMEOUT_MS', 'env', 'timeoutMs'],
  ['MIN_SIZE', 'env', 'minSize'],
  ['STRANGE_ONE', 'env', 'strange_one'],
  ['timeout_ms', 'env', undefined],
  ['flags', 'env', undefined],
] as const)('canonicalName: %s (%s) is %s', (segment, naming, name) => {
  expect(canonicalName(schemaNode, segment, naming)).toBe(name)
})

test('canonicalName: below what the schema does not know, names stay', () => {
  expect(canonicalName(undefined, 'aB', 'stored')).toBe('aB')
  expect(canonicalName(undefined, 'A_B', 'env')).toBe('a_b')
})
