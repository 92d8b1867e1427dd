import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { adopt } from './callback.ts'
import { defineConfig } from './define-config.ts'
import type { Source } from './source/source.ts'
import { LOOPS } from './unreadable.test.kit.ts'

const endless = Object.entries(LOOPS).filter(([name]) => !name.includes('rejects'))

describe('adopt', () => {
  it.each(endless)('what %s is refused in bounded time', async (_name, make) => {
    await expect(adopt(make())).rejects.toThrow('promises without end')
  })

  it('waits through promises and thenables that resolve with one another', async () => {
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    const inner = { then: (resolve: (value: unknown) => void) => setImmediate(() => resolve('value')) }
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    const outer = { then: (resolve: (value: unknown) => void) => resolve(Promise.resolve(inner)) }
    expect(await adopt(outer)).toEqual({ value: 'value' })
    expect(await adopt('plain')).toEqual({ value: 'plain' })
  })

  it('runs a promise that starts when its then is called, as lazy ones do', async () => {
    class Lazy extends Promise<string> {
      // biome-ignore lint/suspicious/noThenProperty: that is the point
      override then<A, B>(
        resolve?: ((value: string) => A | PromiseLike<A>) | null,
        reject?: ((reason: unknown) => B | PromiseLike<B>) | null,
      ): Promise<A | B> {
        return Promise.resolve('started').then(resolve, reject)
      }
    }
    expect(await adopt(new Lazy(() => {}))).toEqual({ value: 'started' })
  })

  it('rejects with what the promise rejects with', async () => {
    await expect(adopt(Promise.reject(new Error('no')))).rejects.toThrow('no')
  })
})

describe('a source of the user', () => {
  it.each(endless)('whose open, refresh and close %s does not block the event loop', async (_name, loop) => {
    const source = (opens: boolean): Source => ({
      name: 'own',
      layers: [{ name: 'own', keyPrefix: 'own:', separator: '/', naming: 'exact' }],
      isRemote: false,
      open({ sink }) {
        if (!opens) return loop() as never
        sink.replace({ revision: 1, epoch: 0, layers: [[]] })
        return { refresh: () => loop() as Promise<void>, close: () => loop() as Promise<void> }
      },
    })
    const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(0) }) })
    await expect(definition.load({ sources: [source(false)], logger: false })).rejects.toMatchObject({
      code: 'source_broken',
    })
    const config = await definition.load({ sources: [source(true)], logger: false })
    const errors: string[] = []
    config.on('error', ({ code }) => errors.push(code))
    await expect(config.refresh({ timeoutMs: 5_000 })).rejects.toMatchObject({ code: 'source_unavailable' })
    await config.close()
    expect(errors).toEqual(['source_broken'])
  })
})
