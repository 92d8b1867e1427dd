import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { memory } from '../source/memory.ts'

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(0) }) })

test('many waits with one signal of the caller end with it, and leave no listener on it', async () => {
  const config = await definition.load({ sources: [memory({})], logger: false })
  const given = new AbortController()
  const waits = Array.from({ length: 1_000 }, () => config.changed({ signal: given.signal }))
  given.abort()
  const results = await Promise.allSettled(waits)
  expect(results.every((result) => result.status === 'rejected' && result.reason.code === 'aborted')).toBe(
    true,
  )
  expect(getEventListeners(given.signal, 'abort')).toEqual([])
  await config.close()
})

test('a listener that is added or removed while an event is emitted does not disturb the others', async () => {
  const source = memory({})
  const config = await definition.load({ sources: [source], logger: false })
  const calls: string[] = []
  const second = () => calls.push('second')
  config.on('change', () => {
    calls.push('first')
    config.off('change', second)
    config.once('change', () => calls.push('added'))
  })
  config.on('change', second)
  config.on('change', () => calls.push('third'))
  source.set({ a: 1 })
  expect(calls).toEqual(['first', 'third'])
  source.set({ a: 2 })
  expect(calls).toEqual(['first', 'third', 'first', 'third', 'added'])
  await config.close()
})
