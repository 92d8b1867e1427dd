import { afterEach, beforeEach, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { memory } from '../source/memory.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({ a: z.number().default(1), b: z.number().default(1) }),
})

const warnings: string[] = []
const note = (warning: Error & { code?: string }) => void warnings.push(`${warning.code} ${warning.message}`)
beforeEach(() => void process.on('warning', note))
afterEach(() => {
  process.off('warning', note)
  warnings.length = 0
})
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function load() {
  const source = memory({})
  const config = await definition.load({ sources: [source] })
  return { source, config }
}

const codes = () => warnings.map((text) => text.split(' ')[0])

it.each([
  [
    'throws',
    () => {
      throw new Error('listener')
    },
  ],
  [
    'rejects',
    async () => {
      throw new Error('listener')
    },
  ],
])('an error listener that %s hides neither its own failure nor the error', async (_name, listener) => {
  const { source, config } = await load()
  await turn()
  config.on('error', listener)
  config.watch(
    (c) => c.a,
    () => {
      throw new TypeError('handler')
    },
  )
  source.set({ a: 2 })
  await expect.poll(() => warnings.length).toBe(2)
  expect(warnings.join('\n')).toMatch(/A watch handler failed/)
  expect(warnings.join('\n')).toMatch(/A listener of 'error' failed/)
  await config.close()
})

it('a rejected listener that throws does not hide the rejection', async () => {
  const { source, config } = await load()
  await turn()
  config.on('rejected', () => {
    throw new Error('listener')
  })
  source.set({ a: 'x' })
  await expect.poll(codes).toEqual(['LIVETREE_REJECTED', 'LIVETREE_LISTENER_FAILED'])
  await config.close()
})

it('two handlers that fail alike in two places are two causes, and each is warned of once', async () => {
  const { source, config } = await load()
  await turn()
  config.watch(
    (c) => c.a,
    () => {
      throw new TypeError('same')
    },
  )
  config.watch(
    (c) => c.b,
    () => {
      throw new TypeError('same')
    },
  )
  source.set({ a: 2 })
  source.set({ a: 2, b: 2 })
  for (let a = 3; a < 9; a++) source.set({ a, b: a })
  await expect.poll(codes).toEqual(['LIVETREE_LISTENER_FAILED', 'LIVETREE_LISTENER_FAILED'])
  await turn()
  expect(warnings).toHaveLength(2)
  await config.close()
})

it.each([99, 100, 101, 1_000])(
  '%i rejections right after load do not hide a handler that fails',
  async (count) => {
    const { source, config } = await load()
    for (let index = 0; index < count; index++) source.set({ a: `bad${index}` })
    source.set({ a: 2 })
    config.watch(
      (c) => c.a,
      () => {
        throw new Error('handler')
      },
    )
    source.set({ a: 3 })
    await expect.poll(codes).toContain('LIVETREE_LISTENER_FAILED')
    await config.close()
  },
)
