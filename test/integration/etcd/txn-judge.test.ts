import { compare, createEtcdClient, type EtcdClient, EtcdError, op, type TxnOp } from '@livetree/etcd'
import { Namespace } from '@livetree/etcd'
import { KV } from '@livetree/etcd/wire'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { expectShare } from '../../support/expect-share.ts'

/** A branch: puts, deletes of keys and ranges, and transactions inside. */
type Step =
  | { readonly type: 'put'; readonly key: string }
  | { readonly type: 'delete'; readonly key: string }
  | { readonly type: 'deleteRange'; readonly from: string; readonly to: string | undefined }
  | { readonly type: 'txn'; readonly success: readonly Step[]; readonly failure: readonly Step[] }

const key = fc.constantFrom('a', 'b', 'c', 'd', 'bb')
const { steps } = fc.letrec<{ steps: readonly Step[]; step: Step }>((tie) => ({
  steps: fc.array(tie('step'), { maxLength: 3 }),
  step: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ type: fc.constant('put' as const), key }),
    fc.record({ type: fc.constant('delete' as const), key }),
    fc.record({
      type: fc.constant('deleteRange' as const),
      from: key,
      to: fc.option(key, { nil: undefined, freq: 3 }),
    }),
    fc.record({ type: fc.constant('txn' as const), success: tie('steps'), failure: tie('steps') }),
  ),
}))

clientEtcds('a transaction is refused here only where the server is sure to refuse it', (etcd) => {
  let client: EtcdClient
  beforeAll(async () => {
    const server = await etcd.start()
    client = createEtcdClient({ endpoints: server.endpoint })
  })
  afterAll(() => client.close())

  const opOf = (step: Step): TxnOp<unknown> => {
    if (step.type === 'put') return op.put(step.key, 'v')
    if (step.type === 'delete') return op.delete(step.key)
    if (step.type === 'txn') return op.txn(txnOf(step.success, step.failure))
    const { from, to } = step
    return op.deleteRange(to === undefined ? { from } : { from, to })
  }
  const txnOf = (then: readonly Step[], otherwise: readonly Step[]) =>
    client.kv
      .txn()
      .if(compare.isAbsent('never'))
      .then(...then.map(opOf))
      .else(...otherwise.map(opOf))
  const codeOf = (sending: Promise<unknown>): Promise<string> =>
    sending.then(
      () => 'done',
      (error: unknown) => (error instanceof EtcdError ? error.code : String(error)),
    )

  test('whatever it is made of, and the verdict is the same', async () => {
    let refused = 0
    await fc.assert(
      fc.asyncProperty(steps, steps, async (then, otherwise) => {
        const txn = txnOf(then, otherwise)
        const ours = await codeOf(txn.commit())
        const request = txn.encode(new Namespace())
        const theirs = await codeOf(client.channel.unary(KV.txn, request))
        if (ours === 'duplicate_key') refused += 1
        expect(ours).toBe(theirs)
      }),
      { numRuns: 1_500 },
    )
    expectShare('refused', refused, { of: 1_500, typical: 0.38 })
  })

  test.each([
    ['T3.81 to the end', () => [op.deleteRange({ from: 'zz' }), op.put('zzz', '1')]],
    ['T3.81 to the end, from the key itself', () => [op.deleteRange({ from: 'zz' }), op.put('zz', '1')]],
  ])('what etcd takes is taken: %s', async (_, ops) => {
    await client.kv
      .txn()
      .then(...ops())
      .commit()
    expect((await client.kv.get('zz')) ?? (await client.kv.get('zzz'))).toBeDefined()
  })
})
