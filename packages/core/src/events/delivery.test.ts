import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { secret } from '../schema/secret.ts'
import { memory } from '../source/memory.ts'
import type { LiveConfig } from '../live-config.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({
    a: z.number().default(0),
    b: z.object({ c: z.number().default(0), d: z.string().default('') }),
    url: secret(z.string().max(10)).default('none'),
  }),
})

const open: LiveConfig<unknown>[] = []
afterEach(async () => {
  for (const config of open.splice(0)) await config.close()
})

async function loadMemory(values: object = {}) {
  const source = memory(values)
  const config = await definition.load({ sources: [source] })
  open.push(config)
  return { source, config }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe("on('change') and watch (P6)", () => {
  it('find the new state in current, in the order they were added', async () => {
    const { source, config } = await loadMemory()
    const log: string[] = []
    config.on('change', ({ revision, changes }) => {
      log.push(`change ${revision} ${changes.map(({ pathText }) => pathText)} ${config.current.a}`)
    })
    config.watch(
      (value) => value.a,
      (next, previous, change) => {
        log.push(`watch ${previous} → ${next} ${change.changes.length} ${config.current.a}`)
      },
    )
    source.set({ a: 1 })
    source.set({ b: { c: 1 } })
    expect(log).toEqual(['change 2 a 1', 'watch 0 → 1 1 1', 'change 3 b.c 1'])
  })

  it('isolate a listener that throws, rejects, or has a selector that throws', async () => {
    const { source, config } = await loadMemory()
    const errors: unknown[] = []
    const notified: number[] = []
    config.on('error', (error) => errors.push(error.cause))
    config.on('error', () => {
      throw new Error('even this one')
    })
    config.on('change', () => {
      throw 'one'
    })
    config.on('change', () => Promise.reject('two'))
    config.watch(
      (value) => {
        if (value.a === 1) throw 'three'
        return value.a
      },
      (next) => notified.push(next),
    )
    config.on('change', ({ next }) => notified.push(next.a * 10))
    source.set({ a: 1 })
    await turn()
    expect(errors.toSorted()).toEqual(['one', 'three', 'two'])
    source.set({ a: 2 })
    expect(notified).toEqual([10, 2, 20])
  })

  it('say all that changed while a selector failed, once it does no more', async () => {
    const { source, config } = await loadMemory()
    let isBroken = false
    const notified: unknown[] = []
    config.on('error', () => {})
    config.watch(
      ({ b }) => {
        if (isBroken) throw new Error('broken')
        return b
      },
      (next, previous, change) => {
        notified.push([
          next.c,
          previous.c,
          change.previous.b.c,
          change.changes.map(({ pathText }) => pathText),
        ])
      },
    )
    isBroken = true
    source.set({ b: { c: 1 } })
    isBroken = false
    source.set({ a: 1, b: { c: 1 } })
    expect(notified).toEqual([[1, 0, 0, ['a', 'b.c']]])
    isBroken = true
    source.set({ a: 1, b: { c: 2 } })
    isBroken = false
    source.set({ a: 1, b: { c: 1 } })
    expect(notified, 'it is again what the handler knows').toHaveLength(1)
  })

  it('call a slow listener one at a time, with the difference to what it knew, and always with the last state', async () => {
    const { source, config } = await loadMemory()
    const notified: string[] = []
    let running = 0
    let release = () => {}
    config.on('change', async ({ previous, next, changes }) => {
      expect(++running).toBe(1)
      notified.push(`${previous.a} → ${next.a} (${changes.length})`)
      await new Promise<void>((resolve) => {
        release = resolve
      })
      running--
    })
    for (let a = 1; a <= 100; a++) source.set({ a })
    expect(notified).toEqual(['0 → 1 (1)'])
    release()
    await turn()
    expect(notified).toEqual(['0 → 1 (1)', '1 → 100 (1)'])
    release()
    await turn()
    expect(notified).toHaveLength(2)
  })

  it('do not tell of a change that was taken back before the listener was free', async () => {
    const { source, config } = await loadMemory({ a: 1, b: { c: 1 } })
    const notified: unknown[] = []
    let release = () => {}
    const slowly = async (what: unknown) => {
      notified.push(what)
      await new Promise<void>((resolve) => {
        release = resolve
      })
    }
    config.watch((value) => value.b, slowly)
    source.set({ b: { c: 2 } })
    expect(notified).toEqual([{ c: 2, d: '' }])
    source.set({ b: { c: 3 } })
    source.set({ b: { c: 2 } })
    release()
    await turn()
    expect(notified).toHaveLength(1)
    source.set({ b: { c: 4 } })
    expect(notified).toHaveLength(2)
  })

  it('let a listener cause a change: every listener receives the first, then the second', async () => {
    const { source, config } = await loadMemory()
    const log: string[] = []
    config.watch(
      (value) => value.a,
      (a) => {
        log.push(`first ${a} of ${config.current.a}`)
        if (a < 3) source.set({ a: a + 1 })
      },
    )
    config.watch(
      (value) => value.a,
      (a) => {
        log.push(`second ${a} of ${config.current.a}`)
      },
    )
    source.set({ a: 1 })
    expect(log).toEqual([
      'first 1 of 1',
      'second 1 of 1',
      'first 2 of 2',
      'second 2 of 2',
      'first 3 of 3',
      'second 3 of 3',
    ])
  })

  it('keep one call at a time when a slow listener causes a change after it has been free', async () => {
    const { source, config } = await loadMemory()
    const log: string[] = []
    config.on('change', async ({ next }) => {
      log.push(`begin ${next.a}`)
      await null
      if (next.a < 4) source.set({ a: next.a + 1 })
      log.push(`end ${next.a}`)
    })
    source.set({ a: 1 })
    await turn()
    expect(log).toEqual([1, 2, 3, 4].flatMap((a) => [`begin ${a}`, `end ${a}`]))
  })

  it('share one difference among listeners that stand at the same place', async () => {
    const { source, config } = await loadMemory()
    const events: unknown[] = []
    config.on('change', (event) => events.push(event))
    config.on('change', (event) => events.push(event))
    source.set({ a: 1 })
    expect(events).toHaveLength(2)
    expect(events[0]).toBe(events[1])
  })

  it('stop when removed, also inside a call; a listener added inside a call receives only the next change', async () => {
    const { source, config } = await loadMemory()
    const log: string[] = []
    const removed = () => log.push('removed')
    config.on('change', () => {
      config.off('change', removed)
      config.on('change', () => log.push('late'))
    })
    config.on('change', removed)
    const stop = config.watch(
      (value) => value.a,
      (a) => {
        log.push(`watch ${a}`)
        stop()
      },
    )
    config.once('change', () => log.push('once'))
    source.set({ a: 1 })
    expect(log).toEqual(['watch 1', 'once'])
    source.set({ a: 2 })
    expect(log).toEqual(['watch 1', 'once', 'late'])
  })

  it('give a late subscriber the value now, and let an async first call finish before the next', async () => {
    const { source, config } = await loadMemory({ a: 5 })
    const log: unknown[] = []
    config.watch(
      (value) => value.a,
      async (next, previous, change) => {
        log.push([next, previous, change?.changes.length])
        await null
        log.push('done')
      },
      { immediate: true },
    )
    expect(log).toEqual([[5, undefined, undefined]])
    source.set({ a: 6 })
    source.set({ a: 7 })
    await turn()
    expect(log).toEqual([[5, undefined, undefined], 'done', [7, 5, 1], 'done'])
  })

  it('look by isEqual where it is given', async () => {
    const { source, config } = await loadMemory({ a: 1 })
    const notified = vi.fn()
    const isEqual = (one: number[], other: number[]) => one.join() === other.join()
    config.watch((value) => [value.a], notified, { isEqual })
    source.set({ b: { c: 1 } })
    expect(notified).not.toHaveBeenCalled()
    source.set({ a: 2 })
    expect(notified).toHaveBeenCalledOnce()
  })

  it('refuse a selector that throws on the value now', async () => {
    const { config } = await loadMemory()
    const selector = () => {
      throw new Error('no such part')
    }
    expect(() => config.watch(selector, () => {})).toThrow('no such part')
  })
})
