import { parse, stringify } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { expectLinear } from '../../../../test/support/expect-linear.ts'
import { textOfScalar } from '../format/written-scalar.ts'
import { parseTomlText } from './parse-toml.ts'
import { quoteTomlScalars } from './toml-scalars.ts'

async function parsed(text: string): Promise<unknown> {
  const result = await parseTomlText(text)
  return result.type === 'value' ? result.value : result.words
}

/** Every scalar as a schema of text reads it. */
function textsOf(value: unknown): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, inner]) => [name, textsOf(inner)]))
  if (Array.isArray(value)) return value.map(textsOf)
  return textOfScalar(value) ?? value
}

describe('parseTomlText', () => {
  const written = (
    'true false 1.10 1.0 0x1F 0x1f 0o755 0b101 1e3 5.0e22 6.626E-34 +5 -0 -0.0 +1.0 1_000 9_224_617.445_991 ' +
    'inf +inf -inf nan 9007199254740993 9_007_199_254_740_993 1_000_000_000_000_000_000_000.0 0.10000000000000000001 ' +
    '1979-05-27 07:32:00 07:32:00.5 1979-05-27T07:32:00 1979-05-27T00:32:00.999999-07:00 1979-05-27t07:32:00z'
  ).split(' ')
  const all = [...written, '1979-05-27 07:32:00', '1979-05-27 07:32:00.999999-07:00', '1979-05-27 07:32:00Z']

  it.each(all)('has %s as it is written, wherever it stands', async (scalar) => {
    const forms: [string, unknown][] = [
      [`v = ${scalar}`, { v: scalar }],
      [`v=${scalar}#1.10`, { v: scalar }],
      [`[1.1]\n1.10 = ${scalar} # v = 1.10\r\n2 = '1.10'`, { 1: { 1: { 1: { 10: scalar }, 2: '1.10' } } }],
      [`v = [${scalar}, ${scalar},]`, { v: [scalar, scalar] }],
      [`v = [\n ${scalar}, # 1.10 ]\n ${scalar}\n]\nw = 1`, { v: [scalar, scalar], w: '1' }],
      [
        `v = [[${scalar}], [], {a = ${scalar}, 1 = [${scalar}], b.1 = {}}, ${scalar}]`,
        {
          v: [[scalar], [], { a: scalar, 1: [scalar], b: { 1: {} } }, scalar],
        },
      ],
      [
        `v = {1 = {2 = ${scalar}, 'x = 1.10' = ${scalar}}, 3 = ${scalar}}`,
        {
          v: { 1: { 2: scalar, 'x = 1.10': scalar }, 3: scalar },
        },
      ],
      [`a = "\\" = 1.10 [{"\nv = ${scalar}`, { a: '" = 1.10 [{', v: scalar }],
      [`a = """\nb = 1.10\n\\""" = 1""""" \nv = ${scalar}`, { a: 'b = 1.10\n""" = 1""', v: scalar }],
      [`a = '''\nb = 1.10 \\'''''\nv = ${scalar}`, { a: "b = 1.10 \\''", v: scalar }],
      [`a = ["", '', """""", '''''', ${scalar}]`, { a: ['', '', '', '', scalar] }],
      [`[[a]]\nv = ${scalar}\n[[ a ]]\n"=1.10]" = ${scalar}`, { a: [{ v: scalar }, { '=1.10]': scalar }] }],
    ]
    for (const [text, expected] of forms) expect(textsOf(await parsed(text)), text).toEqual(expected)
  })

  it('leaves texts and names alone, whatever they hold', () => {
    const pieces = [
      '"',
      "'",
      '\\',
      '=',
      '[',
      ']',
      '{',
      '}',
      ',',
      '#',
      '\n',
      '1.10',
      'true',
      ' ',
      '"""',
      "'''",
    ]
    // a sequence that is the same in every run
    let state = 1
    const next = (limit: number) => {
      state = (state * 48_271) % 0x7fffffff
      return state % limit
    }
    const text = () => Array.from({ length: next(6) }, () => pieces[next(pieces.length)]).join('')
    const value = (depth: number): unknown => {
      const kind = next(depth > 3 ? 3 : 5)
      if (kind === 0) return text()
      if (kind === 1) return next(1000) / 8
      if (kind === 2) return next(2) === 0
      if (kind === 3) return Array.from({ length: next(4) }, () => value(depth + 1))
      return table(depth + 1)
    }
    const table = (depth: number) =>
      Object.fromEntries(Array.from({ length: next(5) }, () => [text() || 'x', value(depth)]))
    for (let round = 0; round < 2_000; round++) {
      const toml = stringify(table(0))
      const asText = (given: unknown): unknown => {
        if (Array.isArray(given)) return given.map(asText)
        if (typeof given !== 'object' || given === null) return String(given)
        return Object.fromEntries(Object.entries(given).map(([name, inner]) => [name, asText(inner)]))
      }
      const quoted = parse(quoteTomlScalars(toml))
      expect(asText(quoted), toml).toEqual(asText(parse(toml)))
    }
  })

  it('takes time in proportion to the text', async () => {
    const sizes = { quarter: 20_000, whole: 80_000 }
    const nasty = [
      'a="',
      'a="""',
      "a='''",
      'a=',
      'a=[',
      'a={',
      '"',
      '=',
      '#',
      '1_',
      '1979-05-27 ',
      '[',
      '\\',
      '-',
    ]
    for (const begin of ['', 'a=', 'a=[', 'a="""']) {
      for (const piece of nasty) {
        await expectLinear(begin + piece, (part) => {
          const text = begin + piece.repeat(sizes[part] / piece.length)
          return () => quoteTomlScalars(text)
        })
      }
    }
  })
})
