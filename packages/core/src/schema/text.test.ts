import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { issuesOf, read, staged } from '../pipeline/staged.test.kit.ts'

/** As TypeScript writes an enum: with the names by number too. */
const Level = { Low: 0, High: 10, 0: 'Low', 10: 'High' } as const

class Bytes extends Uint8Array {}

const at = (schema: z.core.$ZodType) => z.object({ it: schema as z.ZodType })

describe('textReader: the text of a leaf becomes what the schema takes', () => {
  test.each<[string, z.core.$ZodType, string, unknown]>([
    ['string', z.string(), 'ten', 'ten'],
    ['string, empty', z.string(), '', ''],
    ['string, with its line end', z.string(), 'ten\n', 'ten\n'],
    ['string, looks like JSON', z.string(), '{"a": 1}', '{"a": 1}'],
    ['string, null', z.string(), 'null', 'null'],
    ['mini.string', mini.string(), 'ten', 'ten'],
    ['email', z.email(), 'a@b.example', 'a@b.example'],
    ['iso datetime stays text', z.iso.datetime(), '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
    ['template literal', z.templateLiteral(['v', z.number()]), 'v12', 'v12'],
    ['number', z.number(), '5', 5],
    ['number, fraction', z.number(), '-0.25', -0.25],
    ['number, no digit before the point', z.number(), '.5', 0.5],
    ['number, no digit after the point', z.number(), '5.', 5],
    ['number, exponent and sign', z.number(), '+1E3', 1000],
    ['number, line feed', z.number(), '5\n', 5],
    ['number, carriage return and line feed', z.number(), '5\r\n', 5],
    ['mini.number', mini.number(), '5', 5],
    ['int', z.int(), '42', 42],
    ['int32', z.int32(), '-42', -42],
    ['uint32', z.uint32(), '42', 42],
    ['float64', z.float64(), '1.5', 1.5],
    ['number with checks', z.number().int().min(1).max(5), '5', 5],
    ['coerced number', z.coerce.number(), '5', 5],
    ['coerced boolean reads the table, not the truth of text', z.coerce.boolean(), 'off', false],
    ['coerced string', z.coerce.string(), '5', '5'],
    ['bigint beyond 2^53', z.bigint(), '9007199254740993', 9007199254740993n],
    ['bigint with a sign', z.bigint(), '+5\n', 5n],
    ['int64', z.int64(), '-5', -5n],
    ['mini.bigint', mini.bigint(), '5', 5n],
    ['date', z.date(), '2026-01-02', new Date('2026-01-02T00:00:00Z')],
    ['date with time', z.date(), '2026-01-02T03:04:05.678Z', new Date('2026-01-02T03:04:05.678Z')],
    ['date with offset', z.date(), '2026-01-02T03:04:05+02:00', new Date('2026-01-02T01:04:05Z')],
    ['date, line feed', z.date(), '2024-02-29\n', new Date('2024-02-29T00:00:00Z')],
    ['mini.date', mini.date(), '2026-01-02', new Date('2026-01-02T00:00:00Z')],
    ['enum', z.enum(['on', 'off']), 'off', 'off'],
    ['enum, line feed', z.enum(['on', 'off']), 'off\n', 'off'],
    ['mini.enum', mini.enum(['on', 'off']), 'on', 'on'],
    ['enum of numbers', z.enum(Level), '10', 10],
    ['literal text', z.literal('one'), 'one', 'one'],
    ['literal number', z.literal(1), '1', 1],
    ['literal bigint', z.literal(1n), '1', 1n],
    ['literal boolean', z.literal(true), 'true', true],
    ['literal null', z.literal(null), 'null', null],
    ['literal of many: the text itself first', z.literal([1, '1']), '1', '1'],
    ['null', z.null(), 'null', null],
    ['nan', z.nan(), 'NaN', Number.NaN],
    ['bytes', z.instanceof(Uint8Array), 'aGk=', new Uint8Array([104, 105])],
    ['bytes, line feed', z.instanceof(Uint8Array), 'aGk=\n', new Uint8Array([104, 105])],
    ['bytes, none', z.instanceof(Uint8Array), '', new Uint8Array()],
    [
      'bytes with a check',
      z.instanceof(Uint8Array).refine((b) => b.length === 2),
      'aGk=',
      new Uint8Array([104, 105]),
    ],
    ['stringbool', z.stringbool(), 'enabled', true],
    ['stringbool with words of its own', z.stringbool({ truthy: ['ja'], falsy: ['nein'] }), 'nein', false],
    [
      'codec gets its own input',
      z.codec(z.number(), z.string(), { decode: (n) => `#${n}`, encode: Number }),
      '7',
      '#7',
    ],
    ['transform', z.number().transform((n) => n * 2), '7', 14],
    ['pipe', z.number().pipe(z.transform((n: number) => -n)), '7', -7],
    ['preprocess gets the text', z.preprocess((value) => `<${value as string}>`, z.string()), '7\n', '<7\n>'],
    ['unknown', z.unknown(), '5', '5'],
    ['any', z.any(), 'true', 'true'],
    ['custom', z.custom<string>((value) => value === '5'), '5', '5'],
    ['brand', z.number().brand('Port'), '5', 5],
    ['meta and describe', z.number().meta({ a: 1 }).describe('a port'), '5', 5],
    ['readonly', z.number().readonly(), '5', 5],
    ['nullable number, null', z.number().nullable(), 'null\n', null],
    ['nullable number', z.number().nullable(), '5', 5],
    ['nullable string, null', z.string().nullable(), 'null', null],
    ['nullish', z.number().nullish(), 'null', null],
    ['optional', z.number().optional(), '5', 5],
    ['exactOptional', z.exactOptional(z.number()), '5', 5],
    ['nonoptional', z.nonoptional(z.number().optional()), '5', 5],
    ['default', z.number().default(1), '5', 5],
    ['prefault', z.number().prefault(1), '5', 5],
    ['catch takes what does not fit', z.number().catch(1), 'ten', 1],
    ['catch', z.number().catch(1), '5', 5],
    ['lazy', z.lazy(() => z.number()), '5', 5],
    ['union takes the first that fits', z.union([z.number(), z.string()]), '5', 5],
    ['union, in the order it is written', z.union([z.string(), z.number()]), '5', '5'],
    ['union, the second', z.union([z.number(), z.boolean()]), 'off', false],
    ['xor', z.xor([z.number(), z.boolean()]), 'true', true],
    ['intersection', z.intersection(z.number(), z.number().min(3)), '5', 5],
    ['success', z.success(z.number()), '5', true],
  ])('%s', (_name, schema, text, value) => {
    expect(read(at(schema), { it: text })).toEqual({ it: value })
  })

  test.each([
    ['true', true],
    ['True', true],
    ['1', true],
    ['yes', true],
    ['ON', true],
    ['on\n', true],
    ['false', false],
    ['FALSE', false],
    ['0', false],
    ['no', false],
    ['off\r\n', false],
  ])('boolean %j', (text, value) => {
    expect(read(at(z.boolean()), { it: text })).toEqual({ it: value })
    expect(read(at(mini.boolean()), { it: text })).toEqual({ it: value })
  })

  test.each([Uint8Array, Buffer, Bytes])('bytes of the class that the schema asks for', (bytes) => {
    const { it } = read(at(z.instanceof(bytes)), { it: 'aGk=' }) as { it: Uint8Array }
    expect(it.constructor).toBe(bytes)
    expect([...it]).toEqual([104, 105])
  })
})

describe('textReader: text that does not fit is handed on, so that zod speaks of what is there', () => {
  test.each<[string, z.core.$ZodType, string]>([
    ['number', z.number(), 'ten'],
    ['number, empty', z.number(), ''],
    ['number, blank', z.number(), ' 5'],
    ['number, hexadecimal', z.number(), '0x10'],
    ['number, two line ends', z.number(), '5\n\n'],
    ['int', z.int(), 'ten'],
    ['bigint, fraction', z.bigint(), '1.0'],
    ['bigint, empty', z.bigint(), ''],
    ['boolean', z.boolean(), 'maybe'],
    ['boolean, empty', z.boolean(), ''],
    ['boolean, 2', z.boolean(), '2'],
    ['date, not ISO 8601', z.date(), '01/02/2026'],
    ['date, number', z.date(), '0'],
    ['date, year only', z.date(), '2026'],
    ['date, no such day', z.date(), '2026-02-30'],
    ['date, no leap year', z.date(), '2025-02-29T00:00:00Z'],
    ['date, no such hour', z.date(), '2026-01-02T25:00:00Z'],
    ['date, empty', z.date(), ''],
    ['enum', z.enum(['on', 'off']), 'auto'],
    ['enum, empty', z.enum(['on', 'off']), ''],
    ['enum of numbers by name', z.enum(Level), 'High'],
    ['literal', z.literal([1, true]), 'yes'],
    ['null', z.null(), ''],
    ['bytes, not base64', z.instanceof(Uint8Array), 'a b'],
    ['bytes, cut off', z.instanceof(Uint8Array), 'aGk'],
    ['stringbool', z.stringbool(), 'maybe'],
    ['nullable number', z.number().nullable(), 'none'],
    ['email', z.email(), 'a@b.example\n'],
    ['template literal', z.templateLiteral(['v', z.number()]), 'w12'],
    ['array', z.array(z.string()), 'a,b'],
    ['never', z.never(), 'x'],
    ['undefined', z.undefined(), 'x'],
  ])('%s', (_name, schema, text) => {
    const [issue, ...others] = issuesOf(staged(at(schema)).patch(0, { it: text }))
    const [said] = z.core.safeParse(schema, text).error!.issues
    expect(others).toEqual([])
    expect(issue).toMatchObject({ path: ['it'], code: said!.code, message: said!.message })
    expect(issue?.received).toBe(JSON.stringify(text))
  })

  test('a number too large for a number is said to be infinite, not cut', () => {
    const [issue] = issuesOf(staged(at(z.number())).patch(0, { it: '1e999' }))
    expect(issue).toMatchObject({ code: 'invalid_type', received: '"1e999"' })
  })

  test('a whole number that a number cannot hold exactly is refused by int()', () => {
    const [issue] = issuesOf(staged(at(z.number().int())).patch(0, { it: '9007199254740993' }))
    expect(issue?.code).toBe('too_big')
  })

  test.each([
    ['a whole number that only has a neighbour', z.number(), '9007199254740993'],
    ['the largest of 64 bits', z.number().positive(), '18446744073709551615'],
    ['a fraction that is too small', z.number(), '1e-400'],
    ['a negative fraction that is too small', z.number(), '-0.5e-400'],
    ['a coerced whole number', z.coerce.number(), '-9007199254740993'],
    ['a coerced fraction', z.coerce.number(), '1e-400'],
    ['bytes with bits that no byte is made of', z.instanceof(Uint8Array), 'QR=='],
  ])('what no value is exactly is refused: %s', (_name, schema, it) => {
    expect(staged(at(schema)).patch(0, { it }).type).toBe('rejected')
  })

  test.each([
    [z.number(), '9007199254740992', 2 ** 53],
    [z.number(), '100000000000000000000000', 1e23],
    [z.number(), '-0009007199254740994', -(2 ** 53) - 2],
    [z.number(), '3.14159265358979323846', Math.PI],
    [z.number(), '0.000e-999', 0],
    [z.number(), '000', 0],
    [z.coerce.number(), '10', 10],
    [z.bigint(), '9007199254740993', 9_007_199_254_740_993n],
  ])('what a value is exactly, or nearest to as written, is read: %#', (schema, it, value) => {
    expect(staged(at(schema)).patch(0, { it })).toMatchObject({ value: { it: value } })
  })
})
