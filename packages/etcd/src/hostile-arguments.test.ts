import { describe, expect, test } from 'vitest'
import { PUBLIC_CALLS, withOptions } from './public-calls.test.kit.ts'
import { errorOf, expectRefused, setUp } from './refusing-channel.test.kit.ts'

/** Not for users, or without arguments of its own, or with a test of its own arguments. */
const WITHOUT_ROW = [
  'kv.close',
  // protected
  'kv.deadline',
  // a builder: hostile-transactions.test.ts
  'kv.txn',
  'lease.close',
  'watch.close',
]

/** The names of all methods of a service, inherited ones and those of its parts included. */
function methodsOf(service: object, path: string): string[] {
  const names = new Set<string>()
  for (let at = service; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const name of Object.getOwnPropertyNames(at)) if (name !== 'constructor') names.add(name)
  }
  return [...names].flatMap((name) => {
    const value: unknown = Reflect.get(service, name)
    const full = `${path}.${name}`
    if (typeof value === 'function') return [full]
    return isPart(value) ? methodsOf(value, full) : []
  })
}

/** `auth.users` is part of a service, the controller that ends its calls is not. */
function isPart(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof AbortController)
}

test('every public function of every service has a row', () => {
  const methods = Object.entries(setUp().client).flatMap(([name, service]) => methodsOf(service, name))
  const rows = PUBLIC_CALLS.map(({ name }) => name)
  expect(methods.sort()).toEqual([...rows, ...WITHOUT_ROW].sort())
})

describe('every public function, given what cannot be used', () => {
  test.each(PUBLIC_CALLS)('$name', async ({ call, good, bad, options }) => {
    const { client, sent } = setUp()
    const places = bad.map((values, place) => ({ place, values }))
    const last = good.length - 1
    if (Object.keys(options).length > 0)
      places.push({ place: last, values: withOptions(good[last], options) })
    for (const { place, values } of places) {
      for (const value of values) {
        const args = good.with(place, value)
        expectRefused(await errorOf(() => call(client, args)), { place, value })
      }
    }
    expect(sent()).toBe(0)
  })

  // A watch goes on where a stream is refused; `next-change.test.ts` and the tests of watches have what is fine.
  const answering = PUBLIC_CALLS.filter(({ name }) => name !== 'kv.nextChange' && !name.startsWith('watch.'))
  test.each(answering)('$name takes what is fine', async ({ call, good }) => {
    const { client, sent } = setUp()
    const error = await errorOf(async () => {
      const given = await call(client, good)
      if (Symbol.asyncIterator in (given as object)) {
        for await (const _ of given as AsyncIterable<unknown>) expect.fail('nothing was answered')
      }
    })
    expect(error).toMatchObject({ name: 'EtcdError', code: 'permission_denied' })
    expect(sent()).toBeGreaterThan(0)
  })
})
