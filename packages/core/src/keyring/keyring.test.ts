import { describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { loadFrom, material, sealed } from '../encrypted-config.test.kit.ts'
import { isLivetreeError } from '../errors.ts'
import { secret } from '../schema/secret.ts'
import { memory } from '../source/memory.ts'
import { createTestConfig } from '../testing/create-test-config.ts'
import { type Keyring, keyring } from './keyring.ts'

const schema = z.object({ v: secret(z.string(), { encrypted: true }) })
const values = { v: sealed('k1', 1, ['v'], 'x') }
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a function that asks for a reading of its own keyring', () => {
  const ways: readonly (readonly [string, (ring: Keyring) => unknown])[] = [
    ['at once', (ring) => void ring.refresh()],
    ['and waits for it', (ring) => ring.refresh()],
    ['later', (ring) => turn().then(() => void ring.refresh())],
    ['later, and waits for it', (ring) => turn().then(() => ring.refresh())],
  ]
  test.each(ways)('is asked once: %s', async (_name, refresh) => {
    const port = vi.fn(async () => {
      await refresh(ring)
      return material('k1', 1)
    })
    const ring = keyring({ current: port })
    const { config } = await loadFrom(schema, values, { keys: ring })
    await using _ = config
    expect(config.current.v).toBe('x')
    await ring.refresh()
    await turn()
    expect(port).toHaveBeenCalledTimes(2)
    expect((await ring.read(AbortSignal.timeout(5_000))).current?.id).toBe('k1')
  })

  test('a timer that it has set asks again', async () => {
    const fire = Promise.withResolvers<void>()
    const port = vi.fn(async () => {
      if (port.mock.calls.length === 1) void fire.promise.then(() => ring.refresh())
      return material('k1', 1)
    })
    const ring = keyring({ current: port })
    const { config } = await loadFrom(schema, values, { keys: ring })
    await using _ = config
    fire.resolve()
    await vi.waitFor(() => expect(port).toHaveBeenCalledTimes(2))
  })
})

describe('a keyring behind a Proxy', () => {
  test.each<[string, (ring: Keyring) => Keyring]>([
    ['a plain one', (ring) => new Proxy(ring, {})],
    [
      'one that hands methods on',
      (ring) => new Proxy(ring, { get: (of, name) => Reflect.get(of, name, of) }),
    ],
    ['an object of its class', (ring) => Object.create(ring) as Keyring],
  ])('is refused with invalid_options: %s', async (_name, wrap) => {
    const keys = wrap(keyring({ current: material('k1', 1) }))
    const definition = defineConfig({ name: 'shop', schema, keys: () => keys, sources: () => [memory({})] })
    const loads: readonly (() => Promise<unknown>)[] = [
      () => definition.load({ logger: false, keys }),
      () => definition.load({ logger: false }),
      () => createTestConfig(definition, { v: 'x' }, { keys } as object),
    ]
    for (const load of loads) {
      const error: unknown = await Promise.resolve()
        .then(load)
        .then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
      expect(isLivetreeError(error) && error.code, String(error)).toBe('invalid_options')
      expect(String(error)).toContain('keyring()')
    }
  })
})
