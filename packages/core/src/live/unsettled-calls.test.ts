import { describe, expect, it, onTestFinished, vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { live } from '../resource/live-value.ts'
import { createTestConfig } from '../testing/create-test-config.ts'
import { createTestClock } from '../testing/test-clock.ts'

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(1) }) })

const never = () => new Promise<never>(() => {})

/** A configuration, its clock, and what was reported, logged and warned of. */
async function setUp({ isLogged = true } = {}) {
  const clock = createTestClock()
  const logged: string[] = []
  const say = (level: string) => (message: string) => void logged.push(`${level} ${message}`)
  const logger = { debug: () => {}, info: () => {}, warn: say('warn'), error: say('error') }
  const config = await createTestConfig(definition, {}, { clock, ...(isLogged && { logger }) })
  onTestFinished(async () => {
    const closed = config.close()
    await clock.advance(60_000)
    await closed
    expect(clock.pendingTimers).toBe(0)
  })
  return { clock, config, logged }
}

function collectWarnings() {
  const warnings: { message: string; code?: string }[] = []
  const collect = (warning: Error & { code?: string }) => void warnings.push(warning)
  process.on('warning', collect)
  onTestFinished(() => void process.off('warning', collect))
  return warnings
}

describe('a build that does not settle', () => {
  it.each(['create', 'check'] as const)('in %s: status, health and one warning name it', async (phase) => {
    const { clock, config, logged } = await setUp()
    const hangs = (a: number) => (a === 2 ? never() : undefined)
    const pool = await config.resource((c) => c.a, {
      name: 'pool',
      create: async (a) => {
        if (phase === 'create') await hangs(a)
        return a
      },
      check: (a) => (phase === 'check' ? hangs(a) : undefined),
      drainMs: 30_000,
    })
    expect(pool.status).toMatchObject({ state: 'ready', buildingForMs: 0 })
    config.set({ a: 2 })
    await clock.advance(4_999)
    expect(config.status.resources[0]).toMatchObject({ state: 'building', buildingForMs: 4_999 })
    expect([logged, config.health.reason]).toEqual([[], undefined])
    await clock.advance(20_001)
    expect(logged).toEqual([expect.stringMatching(/^warn \[not_settled\] .*pool.* 5000 ms/)])
    expect(logged[0]).toContain(`${phase}()`)
    expect(config.health).toMatchObject({ isReady: true, reason: expect.stringContaining('pool') })
    expect(config.status).toMatchObject({
      resources: [{ name: 'pool', buildingForMs: 25_000, builtCount: 1 }],
      unsettled: [{ name: expect.stringContaining('pool'), forMs: 25_000 }],
    })
    expect(pool.current).toBe(1)
    // Abandoned after drainMs: the next build brings the resource up to date.
    config.set({ a: 3 })
    await clock.advance(30_000)
    expect(pool.current).toBe(3)
    expect(pool.status.buildingForMs).toBe(0)
    expect([config.health.reason, config.status.unsettled]).toEqual([undefined, []])
  })

  it('is warned of once for each build, and no longer shown when it settles', async () => {
    const { clock, config, logged } = await setUp()
    let finish = () => {}
    const pool = await config.resource((c) => c.a, {
      name: 'pool',
      create: (a) =>
        a === 1
          ? a
          : new Promise<number>((resolve) => {
              finish = () => resolve(a)
            }),
    })
    for (const a of [2, 3]) {
      config.set({ a })
      await clock.advance(10_000)
      expect(config.health.reason).toMatch(/pool.*10000 ms/)
      finish()
      await clock.advance(0)
      expect([pool.current, config.health.reason]).toEqual([a, undefined])
    }
    expect(logged).toHaveLength(2)
    expect(new Set(logged).size).toBe(2)
  })

  it('the first one, which its caller waits for, is named too', async () => {
    const { clock, config, logged } = await setUp()
    const first = config.resource((c) => c.a, { name: 'pool', create: never })
    first.catch(() => {})
    await clock.advance(5_000)
    expect(logged).toEqual([expect.stringMatching(/not_settled.*pool/)])
    expect(config.status.resources).toMatchObject([{ state: 'building', buildingForMs: 5_000 }])
  })

  it('without a logger, is a process warning with a code', async () => {
    const warnings = collectWarnings()
    const { clock, config } = await setUp({ isLogged: false })
    await config.resource((c) => c.a, { name: 'pool', create: (a) => (a === 1 ? a : never()) })
    config.set({ a: 2 })
    await clock.advance(5_000)
    await expect.poll(() => warnings).toHaveLength(1)
    expect(warnings[0]).toMatchObject({
      code: 'LIVETREE_NOT_SETTLED',
      message: expect.stringContaining('pool'),
    })
  })
})

describe('a listener that does not settle', () => {
  function resizePool(): Promise<never> {
    return never()
  }
  it.each<[string, string, (config: Awaited<ReturnType<typeof setUp>>['config']) => unknown]>([
    ['watch', 'A watch handler (resizePool)', (config) => config.watch((c) => c.a, resizePool)],
    [
      'watch, immediately',
      'A watch handler (resizePool)',
      (config) => config.watch((c) => c.a, resizePool, { immediate: true }),
    ],
    ['change', "A listener of 'change' (resizePool)", (config) => config.on('change', resizePool)],
    ['once', "A listener of 'change' (resizePool)", (config) => config.once('change', resizePool)],
    ['ready', "A listener of 'ready' (resizePool)", (config) => config.on('ready', resizePool)],
  ])('of %s is named in status, health and one warning', async (_of, name, listen) => {
    const { clock, config, logged } = await setUp()
    await clock.advance(0)
    listen(config)
    config.set({ a: 2 })
    config.set({ a: 3 })
    await clock.advance(4_999)
    expect([logged, config.status.unsettled]).toEqual([[], []])
    await clock.advance(10_001)
    expect(logged).toEqual([expect.stringContaining(`warn [not_settled] ${name} has not settled`)])
    expect(config.status.unsettled).toEqual([{ name, forMs: 15_000 }])
    expect(config.health.reason).toContain(`${name} has not settled for 15000 ms`)
  })

  it('is no longer shown when it settles, and is called again', async () => {
    const { clock, config } = await setUp()
    const { promise, resolve } = Promise.withResolvers<void>()
    const seen: number[] = []
    config.watch(
      (c) => c.a,
      (a) => {
        seen.push(a)
        return promise
      },
    )
    config.set({ a: 2 })
    config.set({ a: 3 })
    await clock.advance(5_000)
    expect(config.status.unsettled).toHaveLength(1)
    resolve()
    await clock.advance(0)
    expect([seen, config.status.unsettled, config.health.reason]).toEqual([[2, 3], [], undefined])
  })

  it("of 'error' hides no later error: it counts as deaf", async () => {
    const warnings = collectWarnings()
    const { clock, config } = await setUp({ isLogged: false })
    config.on('error', never)
    const handler = () => {
      throw new TypeError('first')
    }
    const stop = config.watch((c) => c.a, handler)
    config.set({ a: 2 })
    await clock.advance(5_000)
    await expect.poll(() => warnings.map(({ code }) => code)).toContain('LIVETREE_NOT_SETTLED')
    stop()
    config.watch(
      (c) => c.a,
      () => {
        throw new RangeError('second')
      },
    )
    config.set({ a: 3 })
    await expect.poll(() => warnings.map(({ message }) => message).join('\n')).toMatch(/RangeError/)
  })

  it('by the hundred: health names few of them', async () => {
    const { clock, config } = await setUp()
    for (let index = 0; index < 2_000; index++) config.watch((c) => c.a, never)
    config.set({ a: 2 })
    await clock.advance(5_000)
    expect(config.health.reason?.length).toBeLessThan(1_000)
    expect(config.status.unsettled.length).toBeLessThanOrEqual(1_000)
  })
})

describe('a dispose that does not settle', () => {
  it('of a resource stays visible after it is no longer waited for', async () => {
    const { clock, config, logged } = await setUp()
    await config.resource((c) => c.a, { name: 'pool', create: (a) => a, dispose: never })
    config.set({ a: 2 })
    await clock.advance(6_000)
    expect(logged).toEqual([expect.stringMatching(/drain_timeout.*Disposing an instance of pool/)])
    expect(config.health.reason).toMatch(/dispose\(\) of pool has not settled for 6000 ms/)
  })

  it('of live() is reported, and does not keep close() waiting', async () => {
    const { config, logged } = await setUp()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const value = live(
      config,
      (c) => c.a,
      (a) => a,
      { name: 'limiter', dispose: never },
    )
    const closed = value.close()
    await vi.advanceTimersByTimeAsync(5_000)
    await closed
    expect(logged).toEqual([expect.stringMatching(/drain_timeout.*limiter.*5000 ms/)])
  })
})
