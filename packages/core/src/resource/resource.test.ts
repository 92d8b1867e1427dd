import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import type { LivetreeError } from '../errors.ts'
import { PendingCalls } from '../events/pending-calls.ts'
import { createTestClock } from '../testing/test-clock.ts'
import { HotResource } from './resource.ts'
import type { ResourceSettings } from './resource-options.ts'

interface Pool {
  readonly url: string
  isDisposed: boolean
}

type Settings = ResourceSettings<string, string, Pool>

const turn = () => new Promise((resolve) => setImmediate(resolve))

function setUp(given: Partial<Settings> = {}) {
  const clock = createTestClock()
  const made: Pool[] = []
  const reported: LivetreeError[] = []
  const events: string[] = []
  let building = 0
  let mostBuilding = 0
  const settings: Settings = {
    name: 'pool',
    selector: (url) => url,
    check: () => {},
    dispose: (old) => {
      expect(old.isDisposed).toBe(false)
      old.isDisposed = true
    },
    drainMs: 1_000,
    jitterMs: 0,
    isEqual: Object.is,
    clock,
    pending: new PendingCalls(clock),
    report: (error) => reported.push(error),
    onEvent: (type) => events.push(type),
    onClosed: () => events.push('closed'),
    ...given,
    create: async (url, context) => {
      mostBuilding = Math.max(mostBuilding, ++building)
      try {
        if (given.create !== undefined) return await given.create(url, context)
        const pool = { url, isDisposed: false }
        made.push(pool)
        return pool
      } finally {
        building--
      }
    },
  }
  const resource = new HotResource<string, string, Pool>(settings, 'one')
  return { clock, made, reported, events, resource, mostBuilding: () => mostBuilding }
}

/** A `create` whose calls wait until the test lets them go on. */
function gatedCreate() {
  const calls: { url: string; signal: AbortSignal; resolve(): Pool; reject(error: Error): void }[] = []
  const create: Settings['create'] = (url, { signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<Pool>()
    const finish = () => {
      const pool = { url, isDisposed: false }
      resolve(pool)
      return pool
    }
    calls.push({ url, signal, resolve: finish, reject })
    return promise
  }
  return { create, calls }
}

describe('HotResource', () => {
  it('prepares, swaps, then disposes the old one', async () => {
    const { resource, made, events } = setUp()
    await resource.start()
    expect(resource.current.url).toBe('one')
    resource.follow('two')
    expect(resource.current.url).toBe('one')
    await turn()
    expect(resource.current.url).toBe('two')
    await turn()
    expect(made.map(({ isDisposed }) => isDisposed)).toEqual([true, false])
    expect(events).toEqual(['swapped', 'swapped', 'drained', 'disposed'])
    expect(resource.status).toMatchObject({ state: 'ready', builtCount: 2, drainingCount: 0 })
  })

  it('does not rebuild for the same input', async () => {
    const { resource, made } = setUp()
    await resource.start()
    resource.follow('one')
    await turn()
    expect(made).toHaveLength(1)
  })

  it('never disposes under a borrower; the last one to give back does', async () => {
    const { resource, made } = setUp()
    await resource.start()
    const first = resource.acquire()
    const second = resource.acquire()
    resource.follow('two')
    await turn()
    expect(resource.status).toMatchObject({ drainingCount: 1, borrowedCount: 0 })
    first.release()
    first.release()
    await turn()
    expect(made[0]!.isDisposed).toBe(false)
    expect(first.value.url).toBe('one')
    second.release()
    await turn()
    expect(made[0]!.isDisposed).toBe(true)
    expect(resource.status.drainingCount).toBe(0)
  })

  describe('when create returns an instance again', () => {
    const pools = (): Settings['create'] => {
      const byUrl = new Map<string, Pool>()
      return (url) => {
        const key = url.split('?')[0]!
        const pool = byUrl.get(key) ?? { url: key, isDisposed: false }
        byUrl.set(key, pool)
        return pool
      }
    }

    it('serves the one in service on', async () => {
      const { resource } = setUp({ create: pools() })
      await resource.start()
      const pool = resource.current
      resource.follow('one?b')
      await turn()
      await turn()
      expect(resource.current).toBe(pool)
      expect(pool.isDisposed).toBe(false)
      await resource.close()
      expect(pool.isDisposed).toBe(true)
    })

    it('serves one that is still borrowed, and disposes of it after its last use', async () => {
      const { resource, clock, reported } = setUp({ create: pools() })
      await resource.start()
      const borrowed = resource.acquire()
      for (const url of ['two', 'one']) {
        resource.follow(url)
        await turn()
      }
      await clock.advance(1_000)
      expect(resource.current).toBe(borrowed.value)
      expect(borrowed.value.isDisposed).toBe(false)
      expect(reported).toEqual([])
      resource.follow('three')
      await turn()
      await turn()
      expect(borrowed.value.isDisposed).toBe(true)
    })

    it('does not dispose of the one in service when it fails the check', async () => {
      let isGood = true
      const { resource } = setUp({ create: pools(), check: () => isGood })
      await resource.start()
      isGood = false
      resource.follow('one?b')
      await turn()
      expect(resource.status.state).toBe('failed')
      expect(resource.current.isDisposed).toBe(false)
    })
  })

  it('use borrows for as long as the work takes, also when it fails', async () => {
    const { resource, made } = setUp()
    await resource.start()
    const { promise, reject } = Promise.withResolvers<void>()
    const work = resource.use(() => promise)
    const failed = expect(work).rejects.toThrow('query failed')
    resource.follow('two')
    await turn()
    await turn()
    expect(made[0]!.isDisposed).toBe(false)
    reject(new Error('query failed'))
    await failed
    await turn()
    expect(made[0]!.isDisposed).toBe(true)
  })

  it('disposes after drainMs all the same, and says so', async () => {
    const { resource, made, clock, reported, events } = setUp()
    await resource.start()
    resource.acquire()
    resource.follow('two')
    await clock.advance(999)
    expect(made[0]!.isDisposed).toBe(false)
    await clock.advance(1)
    expect(made[0]!.isDisposed).toBe(true)
    expect(reported).toMatchObject([{ code: 'drain_timeout' }])
    expect(events).toEqual(['swapped', 'swapped', 'overdue', 'disposed'])
  })

  it('keeps the old one in service when create fails, shows it, and tries again at the next change', async () => {
    let isBroken = true
    const { resource, reported, events } = setUp({
      create: async (url) => {
        if (url === 'two' && isBroken) throw new Error('no route')
        return { url, isDisposed: false }
      },
    })
    await resource.start()
    resource.follow('two')
    await turn()
    expect(resource.current.url).toBe('one')
    expect(resource.status).toMatchObject({ state: 'failed', lastError: { code: 'resource_failed' } })
    expect(reported[0]!.message).toMatch(/^\[resource_failed\] Cannot build pool: Error, see cause\./)
    expect(events).toEqual(['swapped', 'failed'])
    isBroken = false
    // the same input again: some other part of the configuration has changed
    resource.follow('two')
    await turn()
    expect(resource.current.url).toBe('two')
    expect(resource.status).toMatchObject({ state: 'ready', lastError: undefined })
  })

  it.each<[string, NonNullable<Settings['check']>]>([
    ['throws', () => Promise.reject(new Error('no ping'))],
    ['gives false', () => false],
  ])('keeps the old one and disposes the candidate when check %s', async (_what, check) => {
    const { resource, made, reported } = setUp({
      check: (candidate, context) => (candidate.url === 'two' ? check(candidate, context) : true),
    })
    await resource.start()
    resource.follow('two')
    await turn()
    await turn()
    expect(resource.current.url).toBe('one')
    expect(made.map(({ isDisposed }) => isDisposed)).toEqual([false, true])
    expect(reported).toHaveLength(1)
  })

  it('is not failed any more when the configuration goes back to what is in service', async () => {
    const { resource } = setUp({
      create: async (url) => {
        if (url === 'two') throw new Error('no route')
        return { url, isDisposed: false }
      },
    })
    await resource.start()
    resource.follow('two')
    await turn()
    resource.follow('one')
    expect(resource.status).toMatchObject({ state: 'ready', lastError: undefined, builtCount: 1 })
  })

  it('never builds two at once: a change fires the signal, what is then made is disposed, and the newest is built', async () => {
    const { create, calls } = gatedCreate()
    const { resource, mostBuilding } = setUp({ create })
    const started = resource.start()
    calls[0]!.resolve()
    await started
    for (const url of ['two', 'three', 'four']) resource.follow(url)
    await turn()
    expect(calls.map((call) => call.url)).toEqual(['one', 'two'])
    expect(calls[1]!.signal.aborted).toBe(true)
    const superseded = calls[1]!.resolve()
    await turn()
    expect(superseded.isDisposed).toBe(true)
    expect(calls.map((call) => call.url)).toEqual(['one', 'two', 'four'])
    calls[2]!.resolve()
    await turn()
    expect(resource.current.url).toBe('four')
    expect(mostBuilding()).toBe(1)
  })

  it('drops a build when the configuration goes back to what is in service', async () => {
    const { create, calls } = gatedCreate()
    const { resource, reported } = setUp({ create })
    const started = resource.start()
    const first = calls[0]!.resolve()
    await started
    resource.follow('two')
    resource.follow('one')
    expect(calls[1]!.signal.aborted).toBe(true)
    calls[1]!.reject(new Error('aborted by signal'))
    await turn()
    expect(calls).toHaveLength(2)
    expect(resource.current).toBe(first)
    expect(reported).toEqual([])
  })

  it('lets the newest configuration decide when it changes during the first build', async () => {
    const { create, calls } = gatedCreate()
    const { resource } = setUp({ create, jitterMs: 1_000 })
    const started = resource.start()
    resource.follow('two')
    const superseded = calls[0]!.resolve()
    await turn()
    calls[1]!.resolve()
    await started
    expect(resource.current.url).toBe('two')
    expect(superseded.isDisposed).toBe(true)
  })

  it('start rejects when the first build fails', async () => {
    const { resource, reported } = setUp({ create: () => Promise.reject(new Error('no route')) })
    await expect(resource.start()).rejects.toMatchObject({
      code: 'resource_failed',
      cause: { message: 'no route' },
    })
    expect(reported).toEqual([])
  })

  it('waits by chance up to jitterMs before a rebuild, and builds only the newest then', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { resource, made, clock } = setUp({ jitterMs: 2_000 })
    await resource.start()
    resource.follow('two')
    await clock.advance(500)
    resource.follow('three')
    await clock.advance(499)
    expect(made).toHaveLength(1)
    expect(resource.status.state).toBe('building')
    await clock.advance(1)
    expect(made.map(({ url }) => url)).toEqual(['one', 'three'])
    resource.follow('four')
    resource.follow('three')
    expect(clock.pendingTimers).toBe(0)
    vi.restoreAllMocks()
  })

  it('leaves the words of what was thrown to cause, since they may hold a secret of the input', async () => {
    const thrown = Object.assign(new Error('cannot reach postgres://u:hunter2@db'), { code: 'ECONNREFUSED' })
    const { resource } = setUp({ create: () => Promise.reject(thrown) })
    await expect(resource.start()).rejects.toMatchObject({
      message: '[resource_failed] Cannot build pool: Error ECONNREFUSED, see cause.',
      cause: thrown,
    })
    const refused = setUp({ check: () => false })
    await expect(refused.resource.start()).rejects.toThrow('Cannot build pool: check returned false.')
  })

  it('shows no cause in status, which a page may print', async () => {
    const thrown = new Error('cannot reach postgres://u:hunter2@db')
    const { resource, reported } = setUp({
      create: async (url) => (url === 'two' ? Promise.reject(thrown) : { url, isDisposed: false }),
    })
    await resource.start()
    resource.follow('two')
    await turn()
    const { status } = resource
    expect(status.lastError).toMatchObject({ name: 'LivetreeError', code: 'resource_failed' })
    expect(status.lastError?.message).toBe(reported[0]?.message)
    expect(reported[0]?.cause).toBe(thrown)
    for (const options of [{}, { depth: 9, showHidden: true }, { customInspect: false, depth: 9 }]) {
      expect(inspect(status, options)).toContain('Cannot build pool')
      expect(inspect(status, options)).not.toContain('hunter2')
    }
    expect(JSON.stringify(status)).not.toContain('hunter2')
    expect(resource.status.lastError).toBe(status.lastError)
  })

  it('reports a dispose that fails, and goes on', async () => {
    const { resource, reported } = setUp({ dispose: () => Promise.reject(new Error('already ended')) })
    await resource.start()
    resource.follow('two')
    await turn()
    await turn()
    expect(reported.map(({ message }) => message)).toEqual([
      '[resource_failed] Disposing an instance of pool failed: Error, see cause.',
    ])
    expect(resource.current.url).toBe('two')
  })

  describe('close', () => {
    it('drains, disposes, refuses further use, and leaves no timer', async () => {
      const { resource, made, clock, events } = setUp({ jitterMs: 10 })
      await resource.start()
      const borrowed = resource.acquire()
      resource.follow('two')
      const closed = vi.fn()
      void resource.close().then(closed)
      await turn()
      expect(() => resource.current).toThrow('[closed] pool is closed')
      await expect(resource.use(() => {})).rejects.toMatchObject({ code: 'closed' })
      expect(closed).not.toHaveBeenCalled()
      borrowed.release()
      await resource.close()
      expect(made).toMatchObject([{ url: 'one', isDisposed: true }])
      expect(clock.pendingTimers).toBe(0)
      expect(events.at(-1)).toBe('closed')
    })

    it('disposes what a build under way still makes', async () => {
      const { create, calls } = gatedCreate()
      const { resource } = setUp({ create })
      const started = resource.start()
      const refused = expect(started).rejects.toMatchObject({ code: 'closed' })
      const closed = resource.close()
      await turn()
      expect(calls[0]!.signal.aborted).toBe(true)
      const late = calls[0]!.resolve()
      await closed
      await refused
      expect(late.isDisposed).toBe(true)
    })

    it('does not wait for ever for a build that ignores its signal', async () => {
      const { create, calls } = gatedCreate()
      const { resource, clock } = setUp({ create })
      const started = resource.start()
      calls[0]!.resolve()
      await started
      resource.follow('two')
      const closed = resource.close()
      await clock.advance(1_000)
      await closed
      const late = calls[1]!.resolve()
      await turn()
      expect(late.isDisposed).toBe(true)
      expect(clock.pendingTimers).toBe(0)
    })
  })
})
