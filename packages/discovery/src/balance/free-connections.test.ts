import { describe, expect, test } from 'vitest'
import { Balancer } from './balancer.ts'
import { EndpointLoad } from './endpoint-load.ts'
import type { Target } from './plan.ts'
import { resolvePolicy } from './policy.ts'

const CONNECTIONS = 16

function target(id: string, inFlight: number, latencyMs = 5): Target {
  const load = new EndpointLoad()
  load.inFlight = inFlight
  load.measure(latencyMs, 0, 10_000)
  return { id, weight: 100, zone: undefined, isUnconfirmed: false, isLeaving: false, load }
}

/** How often each target is chosen of 1,000 times, while none of them changes. */
function picksOf(algorithm: 'p2c-ewma' | 'least-in-flight', targets: readonly Target[]): Map<string, number> {
  let state = 7
  const random = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const balancer = new Balancer<Target>({ random, seed: 1 })
  balancer.setTargets(targets)
  const hasRoom = ({ load }: Target) => load.inFlight < CONNECTIONS
  const request = { zone: undefined, hashKey: '', accepts: () => true, hasRoom }
  const picks = new Map<string, number>()
  for (let count = 0; count < 1_000; count += 1) {
    const picked = balancer.pick(resolvePolicy('test', { algorithm }), request, 0)
    const id = typeof picked === 'string' ? picked : picked.id
    picks.set(id, (picks.get(id) ?? 0) + 1)
  }
  return picks
}

describe.each(['p2c-ewma', 'least-in-flight'] as const)(
  'F8 %s, where connections are limited',
  (algorithm) => {
    test('a request does not wait for a connection of one endpoint while another has a free one', () => {
      const busy = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => target(id, CONNECTIONS))
      const picks = picksOf(algorithm, [...busy, target('free', CONNECTIONS - 1)])
      expect(picks.get('free')).toBeGreaterThan(600)
    })

    test('all are taken in turns where all of them are busy', () => {
      const picks = picksOf(
        algorithm,
        ['a', 'b', 'c', 'd'].map((id) => target(id, CONNECTIONS)),
      )
      for (const count of picks.values()) expect(count).toBeGreaterThan(150)
      expect(picks.size).toBe(4)
    })
  },
)

test('F8 a request waits for a quick endpoint rather than for the answer of one that is far slower', () => {
  const picks = picksOf('p2c-ewma', [target('quick', CONNECTIONS), target('slow', CONNECTIONS - 1, 500)])
  expect(picks).toEqual(new Map([['quick', 1_000]]))
})
