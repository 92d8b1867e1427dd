import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { memory } from '../source/memory.ts'
import type { LiveConfig } from '../live-config.ts'

const definition = defineConfig({
  name: 'model',
  schema: z.object({ a: z.number().max(3), b: z.object({ c: z.number() }) }),
})
type Value = z.output<typeof definition.schema>

type Step =
  | { readonly type: 'set'; readonly a: number | undefined; readonly c: number }
  | { readonly type: 'listen'; readonly isSlow: boolean; readonly isWatch: boolean }
  | { readonly type: 'release'; readonly index: number }
  | { readonly type: 'remove'; readonly index: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  // 4 and more are refused by the schema
  fc.record({
    type: fc.constant('set' as const),
    a: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
    c: fc.integer({ min: 0, max: 2 }),
  }),
  fc.record({ type: fc.constant('listen' as const), isSlow: fc.boolean(), isWatch: fc.boolean() }),
  fc.record({ type: fc.constant('release' as const), index: fc.nat(4) }),
  fc.record({ type: fc.constant('remove' as const), index: fc.nat(4) }),
)

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A listener that checks what every listener may rely on. */
class Witness {
  readonly #config: LiveConfig<Value>
  readonly #isWatch: boolean
  known: Value
  isRemoved = false
  release = () => {}
  #version: number
  #isRunning = false
  readonly stop: () => void

  constructor(config: LiveConfig<Value>, options: { readonly isSlow: boolean; readonly isWatch: boolean }) {
    this.#config = config
    this.#isWatch = options.isWatch
    this.known = config.current
    this.#version = config.version
    const settle = () =>
      options.isSlow
        ? new Promise<void>((resolve) => {
            this.release = resolve
          })
        : undefined
    this.stop = options.isWatch
      ? config.watch(
          (value) => value.b,
          (next, previous, change) => {
            expect(previous).toEqual(this.known.b)
            expect(next).toBe(change.next.b)
            return this.#notified(change.next, change.version, settle)
          },
        )
      : config.on('change', (event) => {
          expect(event.previous).toEqual(this.known)
          expect(event.changes.length).toBeGreaterThan(0)
          return this.#notified(event.next, event.version, settle)
        })
  }

  /** Once all is still: what it was told last is what is so now. */
  expectCaughtUp(): void {
    if (this.isRemoved) return
    if (this.#isWatch) expect(this.known.b).toEqual(this.#config.current.b)
    else expect(this.known).toEqual(this.#config.current)
  }

  #notified(
    next: Value,
    version: number,
    settle: () => Promise<void> | undefined,
  ): Promise<void> | undefined {
    expect(this.isRemoved).toBe(false)
    expect(this.#isRunning).toBe(false)
    expect(next).toBe(this.#config.current)
    expect(version).toBeGreaterThan(this.#version)
    expect(next).not.toEqual(this.known)
    this.#version = version
    this.known = next
    const pending = settle()
    if (pending === undefined) return undefined
    this.#isRunning = true
    return pending.then(() => {
      this.#isRunning = false
    })
  }
}

it('every listener, quick or slow, receives correct changes in order, one call at a time, up to the last (P6)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 40 }), async (steps) => {
      const source = memory({ a: 0, b: { c: 0 } })
      const config = await definition.load({ sources: [source] })
      const failures: unknown[] = []
      config.on('error', (error) => failures.push(error.cause ?? error))
      const witnesses: Witness[] = []
      let valid = config.current
      for (const one of steps) {
        const witness = 'index' in one ? witnesses[one.index] : undefined
        if (one.type === 'set') {
          source.set({ ...(one.a === undefined ? {} : { a: one.a }), b: { c: one.c } })
          if (config.status.rejected === undefined) valid = config.current
          // what is refused is never served
          expect(config.current).toBe(valid)
          expect(config.current.a).toBeLessThanOrEqual(3)
        } else if (one.type === 'listen') witnesses.push(new Witness(config, one))
        else if (witness !== undefined && one.type === 'release') {
          witness.release()
          await turn()
        } else if (witness !== undefined) {
          witness.isRemoved = true
          witness.stop()
        }
      }
      // a slow one may have a last call to make after the one it is in
      for (let round = 0; round < 2; round++) {
        for (const witness of witnesses) witness.release()
        await turn()
      }
      for (const witness of witnesses) witness.expectCaughtUp()
      expect(failures).toEqual([])
      await config.close()
    }),
    { numRuns: 300 },
  )
})
