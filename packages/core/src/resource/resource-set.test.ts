import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { createTestConfig } from '../testing/create-test-config.ts'
import { createTestClock } from '../testing/test-clock.ts'

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(1) }) })
const never = () => new Promise<never>(() => {})
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function setUp() {
  const clock = createTestClock()
  const config = await createTestConfig(definition, {}, { clock, logger: false })
  const errors: string[] = []
  config.on('error', ({ message }) => errors.push(message))
  return { clock, config, errors }
}

describe('closing the resources of a configuration', () => {
  it.each([0, 1_000, 3_600_000, Number.POSITIVE_INFINITY])(
    'waits 5 seconds for each dispose that does not return, all but the newest at once, with drainMs %d',
    async (drainMs) => {
      const { clock, config, errors } = await setUp()
      const disposed: string[] = []
      for (const name of ['a', 'b', 'c', 'd']) {
        const dispose = () => {
          disposed.push(name)
          return never()
        }
        await config.resource((c) => c.a, { name, create: (a) => ({ a }), dispose, drainMs })
      }
      const closed = vi.fn()
      void config.close().then(closed)
      await turn()
      expect(disposed).toEqual(['d'])
      await clock.advance(5_000)
      await turn()
      expect(disposed).toEqual(['d', 'c', 'b', 'a'])
      await clock.advance(5_000)
      await expect.poll(() => closed).toHaveBeenCalled()
      expect(errors.filter((message) => message.includes('has not ended after 5000 ms'))).toHaveLength(4)
    },
  )

  it('disposes the newest first, while what it uses is still there', async () => {
    const { config } = await setUp()
    const disposed: string[] = []
    const pool = await config.resource((c) => c.a, {
      name: 'pool',
      create: (a) => ({ a }),
      dispose: () => disposed.push('pool'),
    })
    await config.resource((c) => c.a, {
      name: 'outbox',
      create: (a) => ({ a }),
      dispose: async () => {
        await turn()
        disposed.push(await pool.use(() => 'outbox'))
      },
    })
    await config.close()
    expect(disposed).toEqual(['outbox', 'pool'])
  })

  it('waits for a borrower as long as drainMs says, also for ever', async () => {
    const { clock, config } = await setUp()
    const pool = await config.resource((c) => c.a, {
      create: (a) => ({ a }),
      drainMs: Number.POSITIVE_INFINITY,
    })
    const borrowed = pool.acquire()
    const closed = vi.fn()
    const closing = config.close().then(closed)
    await clock.advance(3_600_000)
    expect(closed).not.toHaveBeenCalled()
    borrowed.release()
    await closing
  })
})
