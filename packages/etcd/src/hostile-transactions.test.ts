import { describe, expect, test } from 'vitest'
import { createEtcdClient } from './client.ts'
import {
  type Args,
  NOT_BYTES,
  NOT_NUMBERS,
  NOT_LEASES,
  NOT_OBJECTS,
  NOT_RANGES,
} from './hostile-values.test.kit.ts'
import { compare } from './kv/condition.ts'
import { op } from './kv/txn.ts'

import { errorOf, expectRefused, setUp } from './refusing-channel.test.kit.ts'
/** What makes a transaction, alone or with the keys in it, which count when it is sent. */
const PARTS: [string, readonly ((value: never) => unknown)[], Args][] = [
  ['keys', [op.get, op.delete, (key) => op.put(key, 'v')], [...NOT_BYTES, '']],
  ['values', [(value) => op.put('k', value), (value) => compare.value('k', '=', value)], NOT_BYTES],
  [
    'ranges',
    [op.getRange, op.deleteRange, (value) => compare.version(value, '=', 0)],
    NOT_RANGES.filter(isNoText),
  ],
  [
    'options',
    [(value) => op.get('k', value), (value) => op.put('k', 'v', value), (value) => op.delete('k', value)],
    NOT_OBJECTS,
  ],
  [
    'relations',
    [(value) => compare.version('k', value, 0), (value) => compare.value('k', value, 'v')],
    [undefined, null, '==', '~', '', 0, 'toString', {}],
  ],
  [
    'numbers',
    [
      (value) => compare.version('k', '=', value),
      (value) => compare.createRevision('k', '=', value),
      (value) => compare.modRevision('k', '=', value),
    ],
    [...NOT_NUMBERS, undefined],
  ],
  ['leases', [(value) => compare.lease('k', '=', value)], [...NOT_LEASES, undefined]],
  ['inner transactions', [op.txn], [undefined, null, {}, [], 'txn', op.get('k'), { encode: () => ({}) }]],
]

/** A text where a range is wanted is a key for a condition. */
function isNoText(value: unknown): boolean {
  return typeof value !== 'string'
}

describe('a transaction, made of what cannot be used', () => {
  test.each(PARTS)('%s', async (_, makers, values) => {
    const { client, sent } = setUp()
    for (const make of makers) {
      for (const value of values) {
        const commit = async () => {
          const made = make(value as never) as never
          const txn = client.kv.txn()
          await ('decode' in (made as object) ? txn.then(made) : txn.if(made)).commit()
        }
        expectRefused(await errorOf(commit), value)
      }
    }
    expect(sent()).toBe(0)
  })

  test('conditions, operations and controls that are none', async () => {
    const { client, sent } = setUp()
    const bad: Args = [undefined, null, {}, 'x', 5, [], Promise.resolve()]
    for (const value of bad) {
      expectRefused(await errorOf(() => client.kv.txn().if(value as never)), value)
      expectRefused(await errorOf(() => void client.kv.txn().then(value as never)), value)
      expectRefused(await errorOf(() => client.kv.txn().else(value as never)), value)
    }
    for (const value of NOT_OBJECTS) {
      expectRefused(await errorOf(() => client.kv.txn().commit(value as never)), value)
    }
    expect(sent()).toBe(0)
  })

  test('nested deeper, or larger by use of one inside another, than anybody can send', async () => {
    const { client, sent } = setUp()
    let deep = client.kv.txn().then(op.get('k')) as never
    for (let level = 0; level < 20_000; level += 1) deep = client.kv.txn().then(op.txn(deep)) as never
    let wide = client.kv.txn().then(op.get('k')) as never
    for (let level = 0; level < 60; level += 1)
      wide = client.kv.txn().then(op.txn(wide), op.txn(wide)) as never
    for (const txn of [deep, wide] as { commit(): Promise<unknown> }[]) {
      expect(await errorOf(() => txn.commit())).toMatchObject({ code: 'request_too_large', fate: 'not_sent' })
    }
    expect(sent()).toBe(0)
  })
})

test('a proxy that throws is neither an operation nor a condition, nor the options of a client', async () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const trap = (): never => {
    throw new Error('trap')
  }
  const hostile: readonly unknown[] = [
    proxy,
    new Proxy({}, { get: trap, ownKeys: trap, has: trap, getPrototypeOf: trap }),
    {
      get encode() {
        return trap()
      },
      get endpoints() {
        return trap()
      },
    },
  ]
  const { client } = setUp()
  for (const value of hostile) {
    for (const make of [
      () => client.kv.txn().if(value as never),
      () => client.kv.txn().then(value as never),
      () => client.kv.txn().else(value as never),
    ]) {
      expect(make).toThrow(expect.objectContaining({ name: 'EtcdError', code: 'invalid_argument' }))
    }
    const create = () => createEtcdClient(value as never)
    expect(create).toThrow(expect.objectContaining({ name: 'EtcdError', code: 'invalid_option' }))
  }
})
