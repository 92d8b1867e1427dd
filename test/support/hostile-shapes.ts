import * as z from 'zod'

/** As large as etcd takes a value. */
export const HOSTILE_LENGTH = 1_500_000

/** Long texts on which a reader may spend more time than their length asks for. */
export function hostileShapes(length = HOSTILE_LENGTH): Readonly<Record<string, string>> {
  const filled = (unit: string) => unit.repeat(Math.ceil(length / unit.length))
  return {
    digits: filled('7'),
    'digits and a letter': `${filled('7')}x`,
    'digits and a line end': `${filled('7')}\n`,
    'a sign and digits': `-${filled('7')}`,
    'a fraction': `0.${filled('7')}`,
    'a fraction and a letter': `0.${filled('7')}x`,
    'an exponent': `1e${filled('7')}`,
    'points and digits': filled('1.'),
    exponents: filled('1e'),
    points: filled('.'),
    signs: filled('-'),
    hexadecimal: `0x${filled('f')}`,
    letters: filled('a'),
    capitals: filled('A'),
    spaces: filled(' '),
    'spaces and a bracket': `${filled(' ')}{`,
    'line feeds': filled('\n'),
    'line ends': filled('\r\n'),
    slashes: filled('/'),
    'percent signs': filled('%'),
    'percent-encoded': filled('%2F'),
    quotes: filled('"'),
    backslashes: filled('\\'),
    'quoted dots': filled('".'),
    brackets: filled('['),
    braces: filled('{"a":'),
    commas: `[${filled(',')}]`,
    numbers: `[${filled('1,')}1]`,
    'odd numbers': `[${filled('1.0,')}1]`,
    'empty lists': `[${filled('[],')}[]]`,
    names: `{${Array.from({ length: length / 15 }, (_, index) => `"k${index}":${index}`)}}`,
    base64: Buffer.alloc((length / 4) * 3, 7).toString('base64'),
    'base64 and a blank': `${Buffer.alloc((length / 4) * 3, 7).toString('base64')} `,
    'equals signs': filled('='),
    dates: filled('2026-01-02'),
    'a date with a fraction': `2026-01-02T03:04:05.${filled('7')}Z`,
    'two code units': filled('\u{1F600}'),
    nulls: filled('null'),
    'true, again and again': filled('true'),
  }
}

/** Every kind of scalar that a key's text may be read as, by name. */
export const SCALAR_KINDS: Readonly<Record<string, z.ZodType>> = {
  string: z.string(),
  number: z.number(),
  int: z.int(),
  bigint: z.bigint(),
  boolean: z.boolean(),
  date: z.date(),
  nan: z.nan(),
  null: z.null(),
  enum: z.enum(['a', 'b']),
  literal: z.literal(['a', 1, true]),
  bytes: z.instanceof(Uint8Array),
  stringbool: z.stringbool(),
  'coerced number': z.coerce.number(),
  'coerced bigint': z.coerce.bigint(),
  'coerced boolean': z.coerce.boolean(),
  'coerced date': z.coerce.date(),
  nullable: z.number().nullable(),
  'template of texts': z.templateLiteral([z.string(), '@', z.string(), '.', z.string()]),
  'template of a number between texts': z.templateLiteral([
    z.string(),
    '-',
    z.number(),
    '-',
    z.string(),
    'Z',
  ]),
  union: z.union([z.number(), z.boolean(), z.date()]),
}
