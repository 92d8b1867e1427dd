import { describe, expect, it } from 'vitest'
import { scalarAsWritten } from '../format/written-scalar.ts'
import { expandVariables } from './expand-variables.ts'
import { Unreadable } from './source.ts'

const environment = { HOST: 'db', EMPTY: '', DOLLAR: '${HOST}', SECRET: 'hunter2', GONE: undefined }
const expand = (text: string) => expandVariables(text, environment)
const reason = (text: string) => {
  const value = expand(text)
  expect(value).toBeInstanceOf(Unreadable)
  return (value as Unreadable).reason
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
    ['${}', 'a reference that is neither ${VAR} nor ${VAR:-default}'],
    ['${ HOST }', 'a reference that is neither ${VAR} nor ${VAR:-default}'],
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

  it('takes time in proportion to the text', () => {
    for (const text of [
      '${HOST}'.repeat(200_000),
      '$'.repeat(1_500_000),
      '${'.repeat(700_000),
      '$${'.repeat(500_000),
    ]) {
      const started = performance.now()
      expand(text)
      expect(performance.now() - started).toBeLessThan(2_000)
    }
  })
})
