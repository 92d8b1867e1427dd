import type { InstanceRecord } from '@livetree/admin'
import { expect, test } from 'vitest'
import { convergenceOf, type ObservedInstance } from './convergence.ts'

const PROD = '/config/shop/prod'

/** @param steps pairs of a revision and the time at which it was got to */
function instance(
  id: string,
  steps: readonly (readonly [applied: number, at: number])[],
  more: Partial<InstanceRecord> = {},
): ObservedInstance {
  const applied = steps.at(-1)?.[0] ?? 0
  const layers = [{ prefix: PROD }]
  const record = { name: 'shop', id, host: id, startedAt: 0, layers, applied, verdict: 'applied', ...more }
  return { record: record as InstanceRecord, steps: steps.map(([each, at]) => ({ applied: each, at })) }
}

const write = (revision: number, at: number, layers = [PROD]) => ({ revision, at, layers })

test('convergenceOf says how long half and 99 % of the instances took, and who is behind', () => {
  const fast = Array.from({ length: 98 }, (_, index) =>
    instance(`fast-${index}`, [
      [5, 1],
      [10, 1_000 + index],
    ]),
  )
  const slow = instance('slow', [
    [5, 1],
    [10, 4_000],
  ])
  const refusing = instance('refusing', [[5, 1]], { verdict: 'rejected' })
  const { points, laggards } = convergenceOf([write(10, 1_000)], [...fast, slow, refusing], 9_000)
  expect(points).toEqual([{ revision: 10, at: 1_000, half: 49, most: 3_000, count: 100, behind: 1 }])
  expect(laggards).toEqual([{ name: 'shop', id: 'refusing', host: 'refusing', applied: 5, isRejected: true }])
})

test('an instance that took several writes at once got to each of them then', () => {
  const both = instance('both', [
    [5, 1],
    [12, 2_500],
  ])
  const { points } = convergenceOf([write(10, 1_000), write(12, 2_000)], [both], 9_000)
  expect(points.map(({ half }) => half)).toEqual([1_500, 500])
})

test.each([
  ['instances that started later', instance('a', [[5, 1]], { startedAt: 1_001 })],
  [
    'instances of other layers',
    instance('a', [[5, 1]], { layers: [{ prefix: '/config/shop/base' }] as never }),
  ],
  [
    'instances of a layer with a like name',
    instance('a', [[5, 1]], { layers: [{ prefix: `${PROD}uction` }] as never }),
  ],
])('%s are not concerned', (_, other) => {
  const own = instance('own', [
    [5, 1],
    [10, 1_200],
  ])
  const { points, laggards } = convergenceOf([write(10, 1_000)], [own, other], 9_000)
  expect(points).toMatchObject([{ count: 1, behind: 0, half: 200 }])
  expect(laggards).toEqual([])
})

test('a write is left out where nobody saw how an instance got to it, and nobody is early', () => {
  const late = instance('late', [[10, 5_000]])
  const { newest } = convergenceOf([write(8, 500), write(10, 1_000)], [late], 9_000)
  expect(newest).toBe(10)
  expect(convergenceOf([write(10, 1_000)], [late], 9_000).points).toEqual([])
  const early = instance('early', [
    [5, 1],
    [10, 900],
  ])
  expect(convergenceOf([write(10, 1_000)], [early], 9_000).points).toMatchObject([{ half: 0, most: 0 }])
  expect(convergenceOf([write(10, 1_000)], [], 9_000)).toEqual({
    now: 9_000,
    points: [],
    newest: 10,
    laggards: [],
    moreLaggards: 0,
  })
})

test('at most 20 instances are named', () => {
  const behind = Array.from({ length: 25 }, (_, index) => instance(String(index), [[5, 1]]))
  const { laggards, moreLaggards } = convergenceOf([write(10, 1_000)], behind, 9_000)
  expect([laggards.length, moreLaggards]).toEqual([20, 5])
})
