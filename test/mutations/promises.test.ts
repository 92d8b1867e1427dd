import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { mutations } from './mutations.ts'

const numbered = (letter: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`)

/** Every promise of a package, by the code that its tests and its faults are named after. */
const promised = {
  Coordination: [
    ...numbered('S', 10),
    ...numbered('R', 3),
    'P1',
    ...numbered('E', 7),
    'B1',
    ...numbered('D', 4),
    ...['C1', 'Q1', 'W1', 'V1', 'A1'],
  ],
  Discovery: numbered('F', 11),
} as const

const fromRoot = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The rows of a section of ARCHITECTURE.md that begin with codes: `| E1 … | [election](…) |`, one code each. */
function rowsOf(heading: string): ReadonlyMap<string, readonly string[]> {
  const section = fromRoot('ARCHITECTURE.md').split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const rows = [...section.matchAll(/^\| ([A-Z]\d+) .*? \| (.*) \|$/gm)]
  return new Map(
    rows.map(([, code = '', tests = '']) => [
      code,
      [...tests.matchAll(/\]\((.*?)\)/g)].map(([, path = '']) => path),
    ]),
  )
}

/** The codes that the titles of tests, and of blocks of tests, name. */
function codesIn(file: string): readonly string[] {
  const calls = /(?:\btest|\bit|\bdescribe|Etcd)(?:\.each\([^)]*\))?\(\s*(['"`])(.*?)\1/g
  return [...fromRoot(file).matchAll(calls)].flatMap(([, , title = '']) => title.match(/\b[A-Z]\d+\b/g) ?? [])
}

describe.each(Object.entries(promised))('each promise of %s', (name, codes) => {
  const rows = rowsOf(`The promises of ${name.toLowerCase()}`)

  test('has a row in ARCHITECTURE.md', () => {
    expect([...rows.keys()]).toEqual(codes)
  })

  test('is held by a test of its row that is named after it', () => {
    const isNamed = (code: string) => (rows.get(code) ?? []).some((file) => codesIn(file).includes(code))
    expect(codes.filter((code) => !isNamed(code))).toEqual([])
  })

  test('has a fault that a test of its row has to notice', () => {
    const hasFault = (code: string) =>
      mutations.some(
        (fault) => fault.name.startsWith(`${name} ${code}:`) && rows.get(code)?.includes(fault.test) === true,
      )
    expect(codes.filter((code) => !hasFault(code))).toEqual([])
  })
})
