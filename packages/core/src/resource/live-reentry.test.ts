import { expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { memory } from '../source/memory.ts'
import { live } from './live-value.ts'

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(1) }) })

it.each([2, 3, 4, 7])(
  'a factory that sets the configuration up to %i leaves the newest in service',
  async (last) => {
    const source = memory({})
    const config = await definition.load({ sources: [source], logger: false })
    const disposed: number[] = []
    const dispose = (old: number) => void disposed.push(old)
    const climb = (a: number) => {
      if (a % 100 < last) source.set({ a: a + 1 })
      return a
    }
    const value = live(config, (c) => c.a, climb, { dispose })
    expect([value.current, config.current.a]).toEqual([last, last])
    source.set({ a: 101 })
    expect([value.current, config.current.a]).toEqual([100 + last, 100 + last])
    await value.close()
    const all = Array.from({ length: last }, (_, index) => index + 1)
    expect(disposed.toSorted((x, y) => x - y)).toEqual([...all, ...all.map((a) => a + 100)])
    await config.close()
  },
)

it('a factory that throws while it sets the configuration makes way for the newest', async () => {
  const source = memory({})
  const config = await definition.load({ sources: [source], logger: false })
  const value = live(
    config,
    (c) => c.a,
    (a) => {
      if (a === 2) {
        source.set({ a: 3 })
        throw new Error('two')
      }
      return a
    },
  )
  source.set({ a: 2 })
  expect(value.current).toBe(3)
  await config.close()
})
