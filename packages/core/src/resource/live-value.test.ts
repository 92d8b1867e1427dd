import { afterEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { createTestConfig, type TestConfig } from '../testing/create-test-config.ts'
import { live } from './live-value.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({ limit: z.number().default(1), other: z.number().default(0) }),
})
type Value = z.output<typeof definition.schema>

let config: TestConfig<Value, z.input<typeof definition.schema>>
afterEach(() => config.close())

const turn = () => new Promise((resolve) => setImmediate(resolve))

async function setUp() {
  config = await createTestConfig(definition)
  const disposed: number[] = []
  const errors: string[] = []
  config.on('error', ({ message }) => errors.push(message))
  const factory = (limit: number) => {
    if (limit === 13) throw new Error('unlucky')
    return { limit }
  }
  const dispose = (old: { limit: number }) => void disposed.push(old.limit)
  return {
    disposed,
    errors,
    limiter: live(config, (value) => value.limit, factory, { dispose, name: 'limiter' }),
  }
}

describe('live', () => {
  it('is rebuilt in the tick of the change, and for its own part only', async () => {
    const { limiter } = await setUp()
    const first = limiter.current
    config.set({ other: 1 })
    expect(limiter.current).toBe(first)
    config.set({ limit: 2 })
    expect(limiter.current).toEqual({ limit: 2 })
  })

  it('disposes an old instance after its last use', async () => {
    const { limiter, disposed } = await setUp()
    const request = limiter.acquire()
    config.set({ limit: 2 })
    config.set({ limit: 3 })
    await turn()
    expect(disposed).toEqual([2])
    expect(request.value.limit).toBe(1)
    request.release()
    await turn()
    expect(disposed).toEqual([2, 1])
  })

  it('does not dispose of an instance that the factory returns again', async () => {
    config = await createTestConfig(definition)
    const disposed: string[] = []
    const [odd, even] = [{ name: 'odd' }, { name: 'even' }]
    const dispose = ({ name }: { name: string }) => void disposed.push(name)
    const parity = live(
      config,
      ({ limit }) => limit,
      (limit) => (limit % 2 === 1 ? odd : even),
      { dispose },
    )
    for (const limit of [3, 5]) config.set({ limit })
    await turn()
    expect(parity.current).toBe(odd)
    expect(disposed).toEqual([])
    config.set({ limit: 2 })
    await turn()
    expect(disposed).toEqual(['odd'])
    await parity.close()
    expect(disposed).toEqual(['odd', 'even'])
  })

  it('keeps the old one when the factory throws, and reports it', async () => {
    const { limiter, errors, disposed } = await setUp()
    config.set({ limit: 13 })
    expect(limiter.current.limit).toBe(1)
    expect(errors).toEqual(['[resource_failed] Making an instance of limiter failed: Error, see cause.'])
    config.set({ limit: 14 })
    await turn()
    expect(limiter.current.limit).toBe(14)
    expect(disposed).toEqual([1])
  })

  it('lets through what the factory throws at first', async () => {
    await setUp()
    const factory = () => {
      throw new Error('at once')
    }
    expect(() => live(config, (value) => value, factory)).toThrow('at once')
  })

  it.each<[string, () => never]>([
    [
      'throws',
      () => {
        throw new Error('hostile')
      },
    ],
    ['gives a promise that rejects', (() => Promise.reject(new Error('hostile'))) as () => never],
  ])('goes by identity where isEqual %s, and reports it', async (_name, isEqual) => {
    const { errors } = await setUp()
    const made: number[] = []
    const value = live(
      config,
      (value) => value.limit,
      (limit) => made.push(limit) && limit,
      { isEqual },
    )
    expect([made, value.current]).toEqual([[1], 1])
    config.set({ limit: 2 })
    expect([made, value.current]).toEqual([[1, 2], 2])
    expect(errors).toHaveLength(2)
    expect(errors[0]).toMatch(/^\[listener_failed\] isEqual of live value (failed|returned a promise)/)
    await value.close()
    config.set({ limit: 3 })
    expect(made).toEqual([1, 2])
  })

  it('leaves nothing behind where the selector throws the second time', async () => {
    await setUp()
    let count = 0
    const selector = ({ limit }: { readonly limit: number }) => {
      if (++count === 2) throw new Error('at the second look')
      return limit
    }
    const made: number[] = []
    expect(() => live(config, selector, (limit) => made.push(limit))).toThrow('at the second look')
    config.set({ limit: 2 })
    expect(made).toEqual([])
  })

  it('reports a dispose that fails', async () => {
    const { errors } = await setUp()
    const dispose = () => Promise.reject(new Error('gone already'))
    live(
      config,
      (value) => value.limit,
      (limit) => limit,
      { dispose },
    )
    config.set({ limit: 2 })
    await turn()
    expect(errors).toEqual([
      '[resource_failed] Disposing an instance of live value failed: Error, see cause.',
    ])
  })

  it('closes with the configuration, and waits for its own borrowers when closed by itself', async () => {
    const { limiter, disposed } = await setUp()
    const borrowed = limiter.acquire()
    const closed = limiter.close()
    await turn()
    expect(disposed).toEqual([])
    borrowed.release()
    await closed
    expect(disposed).toEqual([1])

    const other = await setUp()
    await config.close()
    await turn()
    expect(other.disposed).toEqual([1])
  })
})
