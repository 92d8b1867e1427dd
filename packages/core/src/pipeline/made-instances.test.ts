import { expect, it, test } from 'vitest'
import * as z from 'zod'
import type { ConfigOf } from '../config-definition.ts'
import { defineConfig } from '../define-config.ts'
import { createTestConfig } from '../testing/create-test-config.ts'

/** What a program makes of texts: nobody else can compare two of them. */
class Money {
  readonly cents: number
  constructor(text: string) {
    this.cents = Math.round(Number(text) * 100)
  }
}

const url = z.string().transform((text) => new URL(text))
const money = z.string().transform((text) => new Money(text))
const pattern = z.string().transform((text) => new RegExp(text))
const when = z.string().transform((text) => new Date(text))
const sizes = z.string().transform((text) => new Map(text.split(',').map((name) => [name, name.length])))
const parts = { url, money, pattern, when, sizes, call: z.string().transform((text) => () => text) }

const schema = z.object({
  plain: z.object({ ...parts, sibling: z.number() }),
  entries: z.record(z.string(), z.object({ ...parts, sibling: z.number() })),
  sibling: z.number(),
})
const made = defineConfig({ name: 'made', schema })
const given = {
  url: 'https://a.example/x?y=1',
  money: '1.50',
  pattern: '^a+$',
  when: '2026-01-02',
  sizes: 'a,bb',
  call: 'hello',
  sibling: 1,
}
const start = { plain: given, entries: { one: given, two: given }, sibling: 1 }

/** Everything a transform has made, by its place. */
const madeIn = ({ plain, entries }: ConfigOf<typeof made>) =>
  Object.entries({ plain, one: entries['one'], two: entries['two'] }).flatMap(([place, value]) =>
    Object.keys(parts).map((name) => [`${place}.${name}`, Reflect.get(value ?? {}, name)] as const),
  )

it.each<[string, object, string[]]>([
  ['beside it', { plain: { sibling: 2 } }, ['plain.sibling']],
  ['beside it in an entry', { entries: { one: { sibling: 2 } } }, ['entries.one.sibling']],
  ['above it', { sibling: 2 }, ['sibling']],
  ['in a new entry', { entries: { three: { ...given, sibling: 9 } } }, ['entries.three']],
])(
  'what a transform made keeps its identity, and is in no change, when a sibling moves: %s',
  async (_where, change, paths) => {
    await using config = await createTestConfig(made, start)
    const before = madeIn(config.current)
    expect(before.every(([, value]) => value !== undefined)).toBe(true)
    const told: string[] = []
    const watched: unknown[] = []
    config.on('change', ({ changes }) => void told.push(...changes.map(({ pathText }) => pathText)))
    config.watch(
      (value) => value.plain.url,
      (next) => void watched.push(next),
    )
    config.set(change)
    await config.refresh()
    for (const [index, [place, value]] of madeIn(config.current).entries())
      expect(Object.is(value, before[index]?.[1]), place).toBe(true)
    expect(told.filter((path) => !paths.some((own) => path === own || path.startsWith(`${own}.`)))).toEqual(
      [],
    )
    expect(told.length).toBeGreaterThan(0)
    expect(watched).toEqual([])
  },
)

it('is told when its own text moves, and only then', async () => {
  await using config = await createTestConfig(made, start)
  const { plain } = config.current
  const told: string[] = []
  config.on('change', ({ changes }) => void told.push(...changes.map(({ pathText }) => pathText)))
  config.set({ plain: { url: 'https://b.example/' } })
  config.set({ plain: { url: 'https://b.example/' } })
  await config.refresh()
  expect(told).toEqual(['plain.url'])
  expect(config.current.plain.url.href).toBe('https://b.example/')
  expect(config.current.plain.money).toBe(plain.money)
})

test('an object with a refinement is judged as a whole: what is equal to look at keeps its identity all the same', async () => {
  const refined = z.object({ url, when, sizes, sibling: z.number() }).refine(() => true)
  const definition = defineConfig({ name: 'refined', schema: z.object({ refined }) })
  await using config = await createTestConfig(definition, {
    refined: { url: given.url, when: given.when, sizes: given.sizes, sibling: 1 },
  })
  const before = config.current.refined
  const told: string[] = []
  config.on('change', ({ changes }) => void told.push(...changes.map(({ pathText }) => pathText)))
  config.set({ refined: { sibling: 2 } })
  await config.refresh()
  for (const name of ['url', 'when', 'sizes'] as const)
    expect(Object.is(config.current.refined[name], before[name]), name).toBe(true)
  expect(told).toEqual(['refined.sibling'])
})

class Key extends Uint8Array {
  readonly #id: string = ''
  constructor(text: string) {
    super([1, 2])
    this.#id = text
  }
  shown(): string {
    return this.#id
  }
}
class Servers extends Array<string> {
  readonly #text: string
  constructor(text: string) {
    super()
    this.#text = text
    for (const host of text.split(',')) this.push(host.slice(0, 1))
  }
  shown(): string {
    return this.#text
  }
}
class Times extends Date {
  readonly #text: string
  constructor(text: string) {
    super(0)
    this.#text = text
  }
  shown(): string {
    return this.#text
  }
}
const texts = new WeakMap<object, string>()
class Bytes extends Buffer<ArrayBuffer> {
  static make(text: string): Bytes {
    const bytes = Object.setPrototypeOf(Buffer.alloc(2), Bytes.prototype) as Bytes
    texts.set(bytes, text)
    return bytes
  }
  shown(): string {
    return texts.get(this) ?? ''
  }
}

test.each<[string, (text: string) => { shown: () => string }]>([
  ['a typed array', (text) => new Key(text)],
  ['a list', (text) => new Servers(text)],
  ['a Date', (text) => new Times(text)],
  ['a Buffer', Bytes.make],
])(
  'an instance of an own class that extends %s is served as it was made, and another one is a change',
  async (_kind, make) => {
    const parts = z.string().transform((text) => ({ text: make(text), list: [make(text)] }))
    const definition = defineConfig({
      name: 'own',
      schema: z.object({ at: z.string().transform(make), parts }),
    })
    await using config = await createTestConfig(definition, { at: 'a=1,b=1', parts: 'a=1' })
    expect(config.current.at.shown()).toBe('a=1,b=1')
    expect(config.current.parts.list[0]?.shown()).toBe('a=1')
    const told: string[] = []
    config.on('change', ({ changes }) => void told.push(...changes.map(({ pathText }) => pathText)))
    config.watch(
      ({ at }) => at,
      (at) => void told.push(at.shown()),
    )
    config.set({ at: 'a=2,b=1', parts: 'a=2' })
    await config.refresh()
    expect(told).toEqual(expect.arrayContaining(['at', 'a=2,b=1', 'parts.text', 'parts.list']))
    expect(config.current.at.shown()).toBe('a=2,b=1')
  },
)
