import type { Admin, InstanceRecord, InstancesNews } from '@livetree/admin'
import { expect, test } from 'vitest'
import { convergenceOf } from './convergence.ts'
import { FleetWatch } from './fleet-watch.ts'

const PROD = '/config/shop/prod'

function record(applied: number, at: number): InstanceRecord {
  const layers = [{ prefix: PROD }]
  const more = { name: 'shop', id: 'a', host: 'a', startedAt: 0, verdict: 'applied' }
  return { ...more, layers, applied, at } as unknown as InstanceRecord
}

/** Watches an instance that says one thing after the other. */
async function watched(first: InstanceRecord, ...said: readonly InstanceRecord[]) {
  const { promise: end, resolve: done } = Promise.withResolvers<void>()
  const admin = {
    instances: async () => ({ instances: [first], revision: 1 }),
    async *followInstances(): AsyncGenerator<InstancesNews> {
      for (const instance of said) yield { revision: 1, news: [{ type: 'said', revision: 1, instance }] }
      done()
    },
  }
  const watch = new FleetWatch(admin as unknown as Admin<unknown>)
  const leave = watch.follow()
  await end
  const { instances } = watch
  leave()
  watch.close()
  return instances
}

const stepsOf = async (...said: [InstanceRecord, ...InstanceRecord[]]) =>
  (await watched(...said)).map(({ steps }) => steps.map(({ applied }) => applied))

test('FleetWatch keeps what an instance got to, one step for each revision in service', async () => {
  expect(await stepsOf(record(5, 1), record(7, 2), record(7, 3), record(9, 4))).toEqual([[5, 7, 9]])
})

test('FleetWatch: what an instance got to in a store of before a restore says nothing of this one', async () => {
  const said = [record(90, 1), record(95, 2), record(3, 3), record(4, 1_200)] as const
  expect(await stepsOf(...said)).toEqual([[3, 4]])
  const { points } = convergenceOf(
    [{ revision: 4, at: 1_000, layers: [PROD] }],
    await watched(...said),
    9_000,
  )
  expect(points).toMatchObject([{ revision: 4, half: 200, behind: 0 }])
})
