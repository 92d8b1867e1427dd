import { expectTypeOf, test } from 'vitest'
import { Namespace } from '../key-range.ts'
import type { Entry } from './entry.ts'
import type { DeleteResult, PutResult, RangeResult } from './operation.ts'
import { compare } from './condition.ts'
import { op, Txn, type TxnResult } from './txn.ts'

const empty = new Txn<[], []>(new Namespace(), () => Promise.reject(new Error('not sent')), [], [], [])

test('a transaction knows the results of both branches', async () => {
  const txn = empty
    .if(compare.version('a', '=', 0))
    .then(op.put('a', '1'), op.get('b'))
    .else(op.getRange({ prefix: 'a' }), op.delete('c'))
  const result = await txn.commit()
  if (result.succeeded) {
    expectTypeOf(result.results).toEqualTypeOf<readonly [PutResult, Entry | undefined]>()
  } else {
    expectTypeOf(result.results).toEqualTypeOf<readonly [RangeResult, DeleteResult]>()
  }
})

test('branches add up, and inner transactions give inner results', async () => {
  const inner = empty.then(op.get('x'))
  const result = await empty.then(op.put('a', '1')).then(op.txn(inner)).commit()
  if (!result.succeeded) return
  expectTypeOf(result.results[1]).toEqualTypeOf<TxnResult<[ReturnType<typeof op.get>], []>>()
})

test('relations and targets are checked', () => {
  // @ts-expect-error no such relation
  compare.version('a', '==', 1)
  // @ts-expect-error a lease is a bigint
  compare.lease('a', '=', 1)
  // @ts-expect-error an operation, not a condition
  empty.if(op.get('a'))
})
