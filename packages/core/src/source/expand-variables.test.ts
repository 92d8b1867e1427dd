import { describe, expect, it } from 'vitest'
import { expectLinear } from '../../../../test/support/expect-linear.ts'
import { scalarAsWritten } from '../format/written-scalar.ts'
import { expandVariables } from './expand-variables.ts'
import { Unreadable } from './source.ts'

const environment = { HOST: 'db', EMPTY: '', DOLLAR: '${HOST}', SECRET: 'hunter2', GONE: undefined }
const expand = (text: string) => expandVariables(text, environment)
const reason = (text: string) => {
  const value = expand(text)
  expect(value).toBeInstanceOf(Unreadable)
  const { reason: plain, quoting = plain } = value as Unreadable
  return quoting
}

describe('expandVariables', () => {
  it.each([
    ['${HOST}', 'db'],
    ['postgres://${HOST}:${PORT:-5432}/${NAME:-}', 'postgres://db:5432/'],
    ['${EMPTY}', ''],
    ['${EMPTY:-x}', 'x'],
    ['${GONE:-a:-b}', 'a:-b'],
    // what a variable holds is not looked at again
    ['${DOLLAR}', '${HOST}'],
    ['$${HOST} $HOST $$', '${HOST} $HOST $$'],
    ['$$${HOST}', '$${HOST}'],
    ['no reference } {', 'no reference } {'],
    ['', ''],
  ])('%s', (text, expanded) => {
    expect(expand(text)).toBe(expanded)
  })

  it.each([
    ['${PORT}', 'the variable PORT, which is not set. Set it, or write ${PORT:-default}'],
    ['${GONE}', 'the variable GONE, which is not set. Set it, or write ${GONE:-default}'],
    [
      '${constructor}',
      'the variable constructor, which is not set. Set it, or write ${constructor:-default}',
    ],
    ['a ${HOST', 'a "${" without its "}" (write "$${" for the characters themselves)'],
    ['${HOST-x}', 'a reference that is neither ${VAR} nor ${VAR:-default} after HOST'],
    ['${}', 'a reference that is neither ${VAR} nor ${VAR:-default} (write "$${" for the characters "${")'],
    [
      '${ HOST }',
      'a reference that is neither ${VAR} nor ${VAR:-default} (write "$${" for the characters "${")',
    ],
    ['${PORT:-${HOST}}', 'the default of the variable PORT, which is itself a reference'],
  ])('%s is refused', (text, words) => {
    expect(reason(text)).toBe(words)
  })

  it('goes through lists and maps, and leaves names and everything that is no text as it is', () => {
    const number = scalarAsWritten(1.1, '1.10')
    const shared = new Map([['a', ['${HOST}']]])
    const document = new Map<string, unknown>([
      ['${HOST}', shared],
      ['again', shared],
      ['number', number],
      ['object', { x: '${HOST}', ['__proto__x']: null }],
    ])
    const expanded = expandVariables(document, environment) as Map<string, unknown>
    expect(expanded.get('${HOST}')).toEqual(new Map([['a', ['db']]]))
    expect(expanded.get('again')).toBe(expanded.get('${HOST}'))
    expect(expanded.get('number')).toBe(number)
    expect(expanded.get('object')).toEqual(
      new Map<string, unknown>([
        ['x', 'db'],
        ['__proto__x', null],
      ]),
    )
    expect(shared.get('a')).toEqual(['${HOST}'])
  })

  it.each([
    ['${HOST}', 200_000],
    ['$', 1_500_000],
    ['${', 700_000],
    ['$${', 500_000],
  ])('takes time in proportion to the text: %s', async (piece, count) => {
    await expectLinear(piece, (part) => {
      const text = piece.repeat(part === 'whole' ? count : count / 4)
      return () => expand(text)
    })
  })

  it('refuses a document that comes to more than can be held', () => {
    const long = { LONG: 'x'.repeat(10_000) }
    const refused = new Unreadable('more than 16 million characters of text once its variables are put in')
    const texts = [
      '${LONG}'.repeat(375_000),
      Array.from({ length: 375_000 }, () => '${LONG}'),
      { a: ['${LONG}'.repeat(1_000), '${LONG}'.repeat(1_000)] },
    ]
    for (const document of texts) expect(expandVariables(document, long)).toEqual(refused)
    const shared = ['${LONG}'.repeat(1_000)]
    expect(expandVariables(Array(1_000).fill(shared), long)).toHaveLength(1_000)
  })
})
