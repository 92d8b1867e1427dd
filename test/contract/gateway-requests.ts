import fc from 'fast-check'
import type { HttpQuestion } from './http-client.ts'

/** How the values of a field may look: as they should, and otherwise. */
interface Values {
  readonly plain: readonly unknown[]
  readonly odd: readonly unknown[]
}

const bytes: Values = {
  plain: ['YQ==', 'Yg==', 'Zm9v', 'YS8x', 'AA==', '', '/w=='],
  odd: ['Zm8', 'Zm-_', 'YQ=', 'Y Q==', 'YQ==\n', '====', '*', '_+8=', null, 5, [], {}, true],
}
const number: Values = {
  plain: [0, 1, 5, '3', '-1', -1],
  odd: [5.0, 5.5, 1e2, '1e2', 'x', '', ' 5', '05', '0x1', null, true, [], 2 ** 53, '9223372036854775808'],
}
const flag: Values = { plain: [true, false], odd: [null, 'true', 1, []] }
// An order, target or result that does not exist ends a real etcd: it panics.
const order: Values = { plain: ['ASCEND', 'DESCEND', 0, 1], odd: ['ascend', null, 1.5, '1', 2 ** 40] }
const target: Values = { plain: ['KEY', 'VALUE', 'MOD', 2], odd: ['key', null, {}, true] }
const result: Values = { plain: ['EQUAL', 'GREATER', 'NOT_EQUAL', 2], odd: ['equal', null, []] }
const compared: Values = { plain: ['VERSION', 'MOD', 'VALUE', 1], odd: ['value', null] }
const text: Values = { plain: ['root', 'nobody', ''], odd: [null, 5, 'é'] }

type Shape = Readonly<Record<string, Values>>

const shapes = {
  range: {
    key: bytes,
    range_end: bytes,
    limit: number,
    revision: number,
    sort_order: order,
    sort_target: target,
    serializable: flag,
    keys_only: flag,
    count_only: flag,
    max_create_revision: number,
  },
  put: { key: bytes, value: bytes, lease: number, prev_kv: flag, ignore_value: flag, ignore_lease: flag },
  deleterange: { key: bytes, range_end: bytes, prev_kv: flag },
  compare: {
    result,
    target: compared,
    key: bytes,
    version: number,
    mod_revision: number,
    value: bytes,
    range_end: bytes,
  },
  revoke: { ID: number },
  timetolive: { ID: number, keys: flag },
  user: { name: text },
} as const satisfies Record<string, Shape>

const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** The text of an object with some of the fields, each under either of its names. */
const objectOf = (shape: Shape, isPlain: boolean): fc.Arbitrary<string> => {
  const fields = Object.entries(shape).map(([name, { plain, odd }]) => {
    const value = fc.constantFrom(...(isPlain ? plain : [...plain, ...odd]))
    const field = fc
      .tuple(fc.constantFrom(name, camelCase(name)), value)
      .map(([key, inner]) => `${JSON.stringify(key)}:${JSON.stringify(inner)}`)
    return fc.option(field, { nil: undefined, freq: name === 'key' ? 5 : 1 })
  })
  const unknown = fc.option(fc.constantFrom('"unknown":{}', '"more":[[]]'), { nil: undefined, freq: 1 })
  return fc
    .tuple(fc.tuple(...fields), isPlain ? fc.constant(undefined) : unknown)
    .map(([some, more]) => `{${[...some, more].filter((part) => part !== undefined).join(',')}}`)
}

const operation = (isPlain: boolean): fc.Arbitrary<string> =>
  fc.oneof(
    ...(
      [
        ['request_range', 'range'],
        ['request_put', 'put'],
        ['requestDeleteRange', 'deleterange'],
      ] as const
    ).map(([name, shape]) => objectOf(shapes[shape], isPlain).map((inner) => `{"${name}":${inner}}`)),
  )

const list = (items: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(items, { maxLength: 3 }).map((texts) => `[${texts.join(',')}]`)

const txn = (isPlain: boolean): fc.Arbitrary<string> =>
  fc
    .tuple(list(objectOf(shapes.compare, isPlain)), list(operation(isPlain)), list(operation(isPlain)))
    .map(([compare, success, failure]) => `{"compare":${compare},"success":${success},"failure":${failure}}`)

const requestOf = (isPlain: boolean): fc.Arbitrary<{ path: string; body: string }> =>
  fc.oneof(
    ...(['range', 'put', 'deleterange'] as const).map((name) =>
      objectOf(shapes[name], isPlain).map((body) => ({ path: `/v3/kv/${name}`, body })),
    ),
    txn(isPlain).map((body) => ({ path: '/v3/kv/txn', body })),
    ...(['revoke', 'timetolive'] as const).map((name) =>
      objectOf(shapes[name], isPlain).map((body) => ({ path: `/v3/lease/${name}`, body })),
    ),
    objectOf(shapes.user, isPlain).map((body) => ({ path: '/v3/auth/user/get', body })),
  )

/** Requests whose values are of the right kind. */
export const plainRequest: fc.Arbitrary<HttpQuestion> = requestOf(true)

const damages = ['x', '"', '}', ']', ',', '\\', '1', '-', 'e', '\u0001', 'é', ' ', '\\ud800', 'null', '']

/** Requests with values of any kind, some with a piece of text in place of a character. */
export const anyRequest: fc.Arbitrary<HttpQuestion> = fc
  .tuple(
    requestOf(false),
    fc.option(fc.tuple(fc.nat(400), fc.constantFrom(...damages), fc.nat(1)), { nil: undefined, freq: 1 }),
  )
  .map(([{ path, body }, damage]) => {
    if (damage === undefined) return { path, body }
    const [place, piece, removed] = damage
    const at = place % (body.length + 1)
    return { path, body: body.slice(0, at) + piece + body.slice(at + removed) }
  })
