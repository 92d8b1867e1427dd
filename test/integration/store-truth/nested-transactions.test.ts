import { compare, type EtcdClient, op, type TxnOp } from '@livetree/etcd'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { held, ThreeViews } from './three-views.ts'

withoutOpenHandles()

const key = (name: string) => `/t/all/${name}`

/** One operation of a branch; a branch of its own holds what etcd refuses side by side. */
type Step =
  | { readonly type: 'put'; readonly name: string }
  | { readonly type: 'delete'; readonly name: string }
  | { readonly type: 'delete range'; readonly from: string; readonly to: string }
  | { readonly type: 'branch'; readonly isTaken: boolean; readonly steps: readonly Step[] }

const names = ['a', 'b', 'c', 'd'] as const
const name = fc.constantFrom(...names)
const { steps } = fc.letrec<{ step: Step; steps: Step[] }>((tie) => ({
  step: fc.oneof(
    { maxDepth: 3 },
    fc.record({ type: fc.constant('put' as const), name }),
    fc.record({ type: fc.constant('delete' as const), name }),
    fc.record({ type: fc.constant('delete range' as const), from: name, to: name }),
    fc.record({ type: fc.constant('branch' as const), isTaken: fc.boolean(), steps: tie('steps') }),
  ),
  steps: fc.array(tie('step'), { minLength: 1, maxLength: 4 }),
}))

let values = 0

/** Each operation is a transaction of its own within the branch, so that etcd takes any of them side by side. */
function opsOf(client: EtcdClient, list: readonly Step[]): TxnOp<unknown>[] {
  return list.map((step) => {
    const inner = client.kv.txn()
    if (step.type === 'put') {
      values += 1
      return op.txn(inner.then(op.put(key(step.name), `v${values}`)))
    }
    if (step.type === 'delete') return op.txn(inner.then(op.delete(key(step.name))))
    if (step.type === 'delete range') {
      return op.txn(inner.then(op.deleteRange({ from: key(step.from), to: `${key(step.to)}0` })))
    }
    const isTaken = compare.isAbsent('/nowhere')
    const branch = opsOf(client, step.steps)
    return step.isTaken
      ? op.txn(inner.if(isTaken).then(...branch))
      : op.txn(inner.if(isTaken).else(...branch))
  })
}

clientEtcds('T3.70 nested transactions', (etcd) => {
  test('the last of a put and a delete of one key counts', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    await client.kv.put(key('old'), 'there before')
    await using views = await ThreeViews.open([server.endpoint])
    const put = (each: string) => op.txn(client.kv.txn().then(op.put(key(each), 'put')))
    const remove = (each: string) => op.txn(client.kv.txn().then(op.delete(key(each))))
    // etcd takes one put of a key in a transaction, and after it as many deletes as one likes
    const rows = [
      [put('a'), remove('a')],
      [put('old'), remove('old')],
      [put('a'), remove('a'), remove('a')],
      [put('b'), remove('b'), put('c'), remove('c'), put('d'), remove('b')],
    ]
    for (const ops of rows) {
      const { header } = await client.kv
        .txn()
        .then(...ops)
        .commit()
      await views.config.refresh()
      await waitFor(() => views.batches.at(-1)?.revision === header.revision)
      const { events } = views.batches.at(-1)!
      expect(new Set(events.map((event) => event.key)).size).toBe(events.length)
      await views.expectToHold(await held(client), `revision ${header.revision}`)
    }
  })

  test('random nests of branches: every view is what the store holds', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    await using views = await ThreeViews.open([server.endpoint])
    // Each transaction also puts a key of its own, so that each one that etcd accepts is one batch. Some draws are
    // refused, as too deep or as two puts of a key: they are no case, and drawing goes on until enough were accepted.
    const mark = op.put(key('mark'), 'round')
    let accepted = 0
    for (const list of fc.sample(steps, { numRuns: 400, seed: 70 })) {
      const commit = client.kv.txn().then(mark, ...opsOf(client, list))
      const isAccepted = await commit.commit().then(
        () => true,
        () => false,
      )
      if (!isAccepted) continue
      accepted += 1
      if (accepted % 5 === 0) await views.expectToHold(await held(client), `transaction ${accepted}`)
      if (accepted === 25) break
    }
    await views.expectToHold(await held(client), 'the end')
    expect([accepted, views.batches.length]).toEqual([25, 25])
    expect([views.config.epoch, views.syncEpoch]).toEqual([0, 0])
    // the same history once more, by a watch that catches up
    const again = new Map<string, string>()
    const last = (await client.kv.put(key('last'), 'x')).header.revision
    await new Promise<void>((resolve) => {
      client.watch.subscribe(
        { prefix: '/t/all/' },
        {
          onEvents: ({ revision, events }) => {
            for (const { type, key: each, text } of events) {
              if (type === 'put') again.set(each, text)
              else again.delete(each)
            }
            if (revision === last) resolve()
          },
        },
        { startRevision: 2 },
      )
    })
    expect(new Map([...again].sort())).toEqual(await held(client))
  })
})
