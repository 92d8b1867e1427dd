import fc from 'fast-check'

/** A secret that was put somewhere, and the part of it that nothing may show. */
export interface PlantedSecret {
  /** What stands in the tree: the token, and around it what is hard to quote, to cut or to encode. */
  readonly value: string | number
  /** Long enough never to stand anywhere by chance. */
  readonly token: string
}

const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const token = fc.string({ unit: fc.constantFrom(...LETTERS), minLength: 14, maxLength: 18 })

const around = fc.constantFrom(
  '',
  '',
  '',
  ' ',
  '"',
  "'",
  '\\',
  '\n',
  '\t',
  '%2F',
  '/',
  'é',
  '\0',
  '{',
  'x'.repeat(90),
)

/** Text with a token in it, mostly at its beginning, so that what is cut short shows it too; or a number. */
export const plantedSecret: fc.Arbitrary<PlantedSecret> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom('', '', '', ' ', '"', 'https://u:', '['), token, around)
      .map(([head, text, tail]) => ({ value: `${head}${text}${tail}`, token: text })),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 10 ** 13, max: 9 * 10 ** 15 })
      .map((value) => ({ value, token: String(value) })),
  },
)

/** The token in every encoding an output may have it in, white space left out. */
export function formsOf(planted: string): readonly string[] {
  const bytes = Buffer.from(planted)
  const wide = Buffer.from(planted, 'utf16le')
  const decimals = [...bytes].join(',')
  const half = planted.length / 2
  // Half of a number may stand in a time.
  const parts = /^\d+$/.test(planted)
    ? [Number(planted).toLocaleString('en-US')]
    : [planted.slice(0, half), planted.slice(half), planted.toLowerCase(), planted.toUpperCase()]
  return [
    planted,
    ...parts,
    [...planted].reverse().join(''),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    wide.toString('hex'),
    [...bytes].map((byte) => `%${byte.toString(16)}`).join(''),
    [...bytes].map((byte) => `\\u00${byte.toString(16)}`).join(''),
    [...bytes].map((byte) => `\\x${byte.toString(16)}`).join(''),
    decimals,
    ...[0, 1, 2].map((offset) => base64At(bytes, offset)),
  ]
}

/** What base64 makes of bytes that stand `offset` bytes into a group of three, without what depends on the neighbours. */
function base64At(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
}
