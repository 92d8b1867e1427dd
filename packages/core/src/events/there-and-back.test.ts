import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { restart } from '../schema/restart.ts'
import { sealed } from '../schema/sealed.ts'
import { memory } from '../source/memory.ts'

/** By kind: the schema of x, and two values of it. */
const KINDS: readonly (readonly [string, z.ZodType, unknown, unknown])[] = [
  ['a number', z.number(), 1, 2],
  ['a list', z.array(z.string()), ['a'], ['b']],
  ['a list that is empty', z.array(z.string()), [], ['b']],
  ['a tuple', z.tuple([z.string(), z.number()]), ['a', 1], ['b', 1]],
  ['a date', z.date(), '2026-01-01', '2026-01-02'],
  ['bytes', z.instanceof(Uint8Array), 'YQ==', 'Yg=='],
  ['a URL', z.url().transform((text) => new URL(text)), 'http://a/', 'http://b/'],
  ['a set', z.set(z.string()), ['a'], ['b']],
  ['a map', z.map(z.string(), z.number()), { a: 1 }, { a: 2 }],
  ['a sealed text', sealed(z.string()), 'one', 'two'],
  ['an object with a list', z.object({ of: z.array(z.number()) }), { of: [1] }, { of: [2] }],
  ['a record', z.record(z.string(), z.array(z.number())), { a: undefined }, { a: [1] }],
  ['what a transform makes', z.string().transform((text) => [new Date(text)]), '2026-01-01', '2026-01-02'],
  ['what is optional', z.array(z.string()).optional(), undefined, ['b']],
]

/** A map and a date that hold more than they show. */
class Rules extends Map<string, number> {
  readonly #hidden: string
  constructor(hidden: string) {
    super()
    this.#hidden = hidden
  }
  reveal = () => this.#hidden
}
class Deadline extends Date {
  readonly #hidden: string
  constructor(hidden: string) {
    super(0)
    this.#hidden = hidden
  }
  reveal() {
    return this.#hidden
  }
}

test.each<[string, (text: string) => { reveal(): string }]>([
  ['a map', (text) => new Rules(text)],
  ['a date', (text) => new Deadline(text)],
])('an instance of a class that extends %s is another one, whatever it shows', async (_kind, make) => {
  const source = memory({ x: 'one' })
  const schema = z.object({ x: z.string().transform(make) })
  await using config = await defineConfig({ name: 'own-classes', schema }).load({ sources: [source] })
  const told: string[] = []
  config.watch(
    (value) => value.x,
    (x) => told.push(x.reveal()),
  )
  config.on('change', ({ next }) => told.push(next.x.reveal()))
  source.set({ x: 'two' })
  expect(told).toEqual(['two', 'two'])
})

test.each(KINDS)('%s that went there and back is no change', async (_kind, x, a, b) => {
  const source = memory({ x: a })
  const schema = z.object({ x: restart(x), y: z.number().default(0) })
  await using config = await defineConfig({ name: 'there-and-back', schema }).load({ sources: [source] })
  const start = config.snapshot()
  const told: string[] = []
  let settle = () => {}
  const busy = (what: string) => () => {
    told.push(what)
    return new Promise<void>((resolve) => {
      const before = settle
      settle = () => {
        before()
        resolve()
      }
    })
  }
  const settled = async () => {
    settle()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  config.watch((value) => value.x, busy('watch of x'))
  config.on('change', busy('change'))
  source.set({ x: b })
  expect(told).toEqual(['watch of x', 'change'])
  expect(config.status.needsRestart).not.toEqual([])
  source.set({ x: a })
  source.set({ x: b })
  await settled()
  expect(told).toEqual(['watch of x', 'change'])
  source.set({ x: a })
  expect(config.status.needsRestart).toEqual([])
  expect(await config.changed({ after: start, timeoutMs: 1 }).catch(({ code }) => code)).toBe('timeout')
  expect(told).toEqual(['watch of x', 'change', 'watch of x', 'change'])
  // Another part changes meanwhile: only that is told.
  source.set({ x: b })
  source.set({ x: a, y: 1 })
  await settled()
  expect(told.slice(4)).toEqual(['change'])
})
