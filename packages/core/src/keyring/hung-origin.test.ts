import { describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { keyNumber, loadFrom, material, sealed } from '../encrypted-config.test.kit.ts'
import { secret } from '../schema/secret.ts'
import { createTestClock } from '../testing/test-clock.ts'
import type { KeyMaterial } from './key-origin.ts'
import { keyring } from './keyring.ts'

const schema = z.object({ v: secret(z.string(), { encrypted: true }), n: z.number().default(0) })
const envelope = (id: string, number: number, text: string) => sealed(id, number, ['v'], text)
const hanging = () => new Promise<never>(() => {})

/** A logger that keeps its warnings. */
function collector() {
  const warned: string[] = []
  const logger = { debug() {}, info() {}, warn: (text: string) => void warned.push(text), error() {} }
  return { warned, logger }
}

describe('an origin that hangs', () => {
  test.each<[string, () => Parameters<typeof keyring>[0]]>([
    ['a previous one', () => ({ current: material('k1', 1), previous: hanging })],
    [
      'one of several',
      () => ({ current: material('k1', 1), previous: [hanging, material('k0', 0), hanging] }),
    ],
    ['beside a function', () => ({ current: async () => material('k1', 1), previous: hanging })],
    ['where there is no current one', () => ({ previous: [hanging, material('k1', 1)] })],
  ])('keeps nothing from starting with the keys of the others: %s', async (_name, of) => {
    const { config } = await loadFrom(
      schema,
      { v: envelope('k1', 1, 'x') },
      { keys: keyring(of()), startup: { timeoutMs: 5_000 } },
    )
    expect(config.current.v).toBe('x')
    await config.close()
  })

  test('is named in the log, and its keys are added when they come', async () => {
    const clock = createTestClock()
    const { warned, logger } = collector()
    const port = vi.fn<() => Promise<KeyMaterial>>(hanging)
    const loading = loadFrom(
      schema,
      { v: envelope('k1', 1, 'x') },
      { keys: keyring({ current: material('k1', 1), previous: port }), clock, logger },
    )
    await clock.advance(100)
    const { config, put } = await loading
    await using _ = config
    await put(8, 'v', envelope('k0', 0, 'y'))
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'key_missing' }])
    await clock.advance(10_000)
    expect(warned.join()).toContain('function previous has not answered within 10000 ms')
    port.mockImplementation(async () => material('k0', 0))
    await clock.advance(12_000)
    expect(config.status.rejected).toBeUndefined()
    expect(config.current.v).toBe('y')
  })

  test('does not keep a running service from taking a new current key, nor from knowing those of before', async () => {
    const clock = createTestClock()
    let current = [material('k1', 1)]
    let previous: () => Promise<KeyMaterial[]> = async () => [material('k0', 0)]
    const keys = keyring({ current: async () => current, previous: () => previous() })
    const { config, put } = await loadFrom(schema, { v: envelope('k0', 0, 'a') }, { keys, clock })
    await using _ = config
    const rejected: unknown[] = []
    config.on('rejected', (event) => rejected.push(event))
    previous = hanging
    current = [material('k2', 2)]
    const refreshed = vi.fn()
    void keys.refresh().then(refreshed)
    await clock.advance(0)
    await put(8, 'v', envelope('k2', 2, 'b'))
    expect(config.current.v).toBe('b')
    // also while it is being asked
    current = [material('k3', 3)]
    void keys.refresh()
    await clock.advance(0)
    for (const [index, [id, number]] of [
      ['k3', 3],
      ['k0', 0],
      ['k1', 1],
      ['k2', 2],
    ].entries()) {
      const text = `c${index}`
      await put(9 + index, 'v', envelope(String(id), Number(number), text))
      expect(config.current.v).toBe(text)
    }
    expect(rejected).toEqual([])
    expect(refreshed).not.toHaveBeenCalled()
    await clock.advance(20_000)
    expect(refreshed).toHaveBeenCalled()
    // when it is back, what no origin gives any more is gone
    previous = async () => [material('k0', 0)]
    await keys.refresh()
    await put(20, 'v', envelope('k1', 1, 'd'))
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'key_missing' }])
  })

  test('a key that goes from the current origin to a slow previous one is never missing', async () => {
    let current = [material('k1', 1)]
    let previous: () => Promise<KeyMaterial[]> = async () => []
    const keys = keyring({ current: async () => current, previous: () => previous() })
    const { config } = await loadFrom(schema, { v: envelope('k1', 1, 'a') }, { keys })
    await using _ = config
    const rejected = vi.fn()
    config.on('rejected', rejected)
    const given = Promise.withResolvers<KeyMaterial[]>()
    current = [material('k2', 2)]
    previous = () => given.promise
    const refreshing = keys.refresh()
    await new Promise((resolve) => setImmediate(resolve))
    given.resolve([material('k1', 1)])
    await refreshing
    expect(rejected).not.toHaveBeenCalled()
    expect(config.status.rejected).toBeUndefined()
  })
})

describe('a tree with envelopes of a key that has not come yet', () => {
  test('waits for it', async () => {
    const given = Promise.withResolvers<KeyMaterial>()
    const clock = createTestClock()
    const { warned, logger } = collector()
    const keys = keyring({ current: material('k1', 1), previous: () => given.promise })
    const loading = loadFrom(schema, { v: envelope('k0', 0, 'x') }, { keys, clock, logger })
    await clock.advance(5_000)
    const waits = warned.filter((text) => text.includes('still waits'))
    expect(waits).toEqual([expect.stringContaining('the keys of function previous')])
    given.resolve(material('k0', 0))
    const { config } = await loading
    expect(config.current.v).toBe('x')
    await config.close()
  })

  test('waits for one of an origin that fails at first', async () => {
    const clock = createTestClock()
    const port = vi.fn(async () => material('k0', 0)).mockRejectedValueOnce(new Error('away'))
    const keys = keyring({ current: material('k1', 1), previous: port })
    const loading = loadFrom(schema, { v: envelope('k0', 0, 'x') }, { keys, clock })
    await clock.advance(2_000)
    const { config } = await loading
    expect(config.current.v).toBe('x')
    await config.close()
  })

  test('fails when startup is over, naming the origin, and not the store', async () => {
    const clock = createTestClock()
    const { warned, logger } = collector()
    const keys = keyring({ current: material('k1', 1), previous: hanging })
    const loading = loadFrom(schema, { v: envelope('k0', 0, 'x') }, { keys, clock, logger })
    const refused = expect(loading).rejects.toMatchObject({
      code: 'startup_timeout',
      message: expect.stringMatching(/the keys of function previous[\s\S]*"k0"/),
      issues: [{ code: 'key_missing' }],
    })
    await clock.advance(10_100)
    await refused
    expect(warned.join()).not.toMatch(/waits for etcd/)
    expect(clock.pendingTimers).toBe(0)
  })

  test('fails at once where all have answered, or the tree has another fault', async () => {
    const own = keyring({ current: material('k1', 1), previous: material('k2', 2) })
    const other = keyring({ current: material('k1', 1), previous: hanging })
    for (const [keys, text] of [
      [own, envelope('k0', 0, 'x')],
      [other, 'plain'],
    ] as const)
      await expect(loadFrom(schema, { v: text }, { keys })).rejects.toMatchObject({ code: 'invalid_config' })
  })
})

test('a start for which the current origin hangs says so, and not that the store has not answered', async () => {
  const clock = createTestClock()
  const { warned, logger } = collector()
  const keys = keyring({ current: hanging, previous: { id: 'k0', key: keyNumber(0) } })
  const loading = loadFrom(
    schema,
    { v: envelope('k0', 0, 'x') },
    { keys, clock, logger, startup: { timeoutMs: 8_000 } },
  )
  const refused = expect(loading).rejects.toMatchObject({
    code: 'startup_timeout',
    message: expect.stringContaining('the keys of function current'),
  })
  await clock.advance(8_100)
  await refused
  const waits = warned.filter((text) => text.includes('still waits'))
  expect(waits).toEqual([expect.stringContaining('the keys of function current')])
})
