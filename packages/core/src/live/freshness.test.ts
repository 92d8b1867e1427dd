import { describe, expect, it } from 'vitest'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock } from '../testing/test-clock.ts'
import { Freshness } from './freshness.ts'
import { SourceState } from '../updates/source-state.ts'
import type { ServedFrom } from '../updates/served-state.ts'

function setUp(options: { remote?: readonly string[]; staleAfterMs?: number } = {}) {
  const clock = createTestClock()
  const names = options.remote ?? ['etcd']
  const local = new SourceState(createManualSource({ name: 'file', isRemote: false }), clock)
  const remote = names.map((name) => new SourceState(createManualSource({ name }), clock))
  const writer: { servedFrom: ServedFrom } = { servedFrom: 'sources' }
  const events: string[] = []
  const freshness = new Freshness({
    clock,
    writer,
    sources: [local, ...remote],
    staleAfterMs: options.staleAfterMs ?? 1_000,
    servedProvenAt: () => 123,
    onStale: ({ reason }) => events.push(reason),
    onLive: (staleMs) => events.push(`live after ${staleMs}`),
  })
  const layers = [[]]
  for (const state of [local, ...remote]) state.takeReplace({ revision: 1, epoch: 0, layers })
  const prove = (state: SourceState) => {
    state.takeProof({ revision: 1, provenAt: clock.now() })
    freshness.check()
  }
  return { clock, local, remote, writer, events, freshness, prove }
}

describe('Freshness', () => {
  it('takes silence past the grace for staleness, and the next word for life', async () => {
    const { clock, remote, events, freshness, prove } = setUp()
    freshness.start()
    await clock.advance(1_000)
    expect(events).toEqual([])
    await clock.advance(1)
    expect(events).toEqual(['etcd has been silent for more than 1000 ms'])
    expect(freshness.isStale).toBe(true)
    await clock.advance(5_000)
    prove(remote[0]!)
    expect(events.at(-1)).toBe('live after 5000')
    expect(freshness.isStale).toBe(false)
  })

  it('stays live as long as proof comes, with one timer however often', async () => {
    const { clock, remote, events, freshness, prove } = setUp()
    freshness.start()
    for (let round = 0; round < 50; round++) {
      await clock.advance(300)
      prove(remote[0]!)
      expect(clock.pendingTimers).toBe(1)
    }
    expect(events).toEqual([])
  })

  it('notices silence within two graces after the clock was put back', async () => {
    const { clock, local, remote, events, freshness, prove } = setUp()
    freshness.start()
    prove(remote[0]!)
    clock.step(-3_600_000)
    expect(remote[0]!.status.provenAt).toBe(clock.now())
    expect(local.status.provenAt).toBe(clock.now())
    await clock.advance(2_002)
    expect(events).toEqual(['etcd has been silent for more than 1000 ms'])
    clock.step(-3_600_000)
    prove(remote[0]!)
    expect(events.at(-1)).toBe('live after 0')
  })

  it('notices silence within two graces where nobody looked between', async () => {
    const { clock, remote, events, freshness, prove } = setUp()
    freshness.start()
    prove(remote[0]!)
    await clock.advance(900)
    prove(remote[0]!)
    clock.step(-3_600_000)
    await clock.advance(2_002)
    expect(events).toEqual(['etcd has been silent for more than 1000 ms'])
  })

  it('gives a lost source the same grace, and one that is lost for good none', async () => {
    const { clock, remote, events, freshness } = setUp()
    freshness.start()
    remote[0]!.takeLoss({ error: new Error('refused'), isFinal: false })
    freshness.check()
    expect(events).toEqual([])
    await clock.advance(1_001)
    expect(events).toEqual(['etcd has been silent for more than 1000 ms: refused'])

    const other = setUp()
    other.freshness.start()
    other.remote[0]!.takeLoss({ error: new Error('wrong password'), isFinal: true })
    other.freshness.check()
    expect(other.events).toEqual(['etcd is lost: wrong password'])
  })

  it('knows of a loss at once, before it is stale, until the next word', () => {
    const { remote, freshness, prove } = setUp()
    freshness.start()
    expect(freshness.isLost).toBe(false)
    remote[0]!.takeLoss({ error: new Error('refused'), isFinal: false })
    freshness.check()
    expect([freshness.isLost, freshness.isStale]).toEqual([true, false])
    prove(remote[0]!)
    expect(freshness.isLost).toBe(false)
  })

  it('asks proof of every remote source, and none of local ones', async () => {
    const { clock, remote, local, events, freshness, prove } = setUp({ remote: ['one', 'two'] })
    freshness.start()
    await clock.advance(900)
    prove(remote[0]!)
    local.takeLoss({ error: new Error('file is gone'), isFinal: true })
    freshness.check()
    expect(events).toEqual([])
    expect(freshness.provenAt).toBe(clock.now() - 900)
    await clock.advance(101)
    expect(events).toEqual(['two has been silent for more than 1000 ms'])
  })

  it('needs neither proof nor timers where nothing is remote', async () => {
    const { clock, events, freshness } = setUp({ remote: [] })
    freshness.start()
    expect(clock.pendingTimers).toBe(0)
    await clock.advance(100_000)
    expect(events).toEqual([])
    expect(freshness.provenAt).toBe(clock.now())
  })

  it('is stale while something stands in for the sources', () => {
    const { writer, events, freshness } = setUp()
    writer.servedFrom = 'snapshot'
    freshness.start()
    expect(events).toEqual(['served from the snapshot on disk'])
    expect(freshness.provenAt).toBe(123)
    writer.servedFrom = 'sources'
    freshness.check()
    expect(events.at(-1)).toMatch(/live/)
  })

  it('has no timer with an infinite grace, and none after stop', async () => {
    const infinite = setUp({ staleAfterMs: Number.POSITIVE_INFINITY })
    infinite.freshness.start()
    expect(infinite.clock.pendingTimers).toBe(0)

    const { clock, events, freshness } = setUp()
    freshness.start()
    freshness.stop()
    expect(clock.pendingTimers).toBe(0)
    freshness.check()
    await clock.advance(10_000)
    expect(events).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })
})
