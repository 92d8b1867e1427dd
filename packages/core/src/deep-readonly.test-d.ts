import { createHmac } from 'node:crypto'
import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import {
  type ConfigOf,
  createTestConfig,
  type DeepReadonly,
  defineConfig,
  live,
  type ReadonlyDate,
  type ReadonlyUrl,
} from './index.ts'

class Money {
  #cents = 0
  add(other: Money): Money {
    this.#cents += other.#cents
    return this
  }
}

interface Tree {
  name: string
  children: Tree[]
}

const tree: z.ZodType<Tree> = z.object({
  name: z.string(),
  get children() {
    return z.array(tree)
  },
})

const all = defineConfig({
  name: 'all',
  schema: z.object({
    port: z.number(),
    tags: z.array(z.string()),
    pair: z.tuple([z.string(), z.object({ n: z.number() })], z.array(z.number())),
    nested: z.object({ list: z.array(z.object({ deep: z.set(z.string()) })) }),
    features: z.record(z.string(), z.array(z.string())),
    hosts: z.map(z.string(), z.object({ ports: z.array(z.number()) })),
    since: z.date(),
    key: z.instanceof(Uint8Array),
    pem: z.string().transform((text) => Buffer.from(text)),
    url: z.string().transform((text) => new URL(text)),
    money: z.string().transform(() => new Money()),
    format: z.string().transform(() => (n: number) => String(n)),
    id: z.string().brand<'Id'>(),
    box: z.object({ id: z.string() }).brand<'Box'>(),
    mode: z.discriminatedUnion('type', [
      z.object({ type: z.literal('a'), list: z.array(z.string()) }),
      z.object({ type: z.literal('b'), n: z.number().optional() }),
    ]),
    either: z.union([z.array(z.string()), z.string(), z.null()]).optional(),
    json: z.json(),
    tree,
    any: z.any(),
    unknown: z.unknown(),
  }),
})
type All = ConfigOf<typeof all>
const config = await createTestConfig(all)
const { current } = config

test('what throws at run time is a compile error', () => {
  // @ts-expect-error read-only
  current.port = 1
  // @ts-expect-error read-only
  current.tags.push('x')
  // @ts-expect-error read-only
  current.tags[0] = 'x'
  // @ts-expect-error read-only
  current.tags.sort()
  // @ts-expect-error read-only
  current.pair[1].n = 1
  // @ts-expect-error read-only
  current.nested.list[0]!.deep.add('x')
  // @ts-expect-error read-only
  current.features['a'] = []
  // @ts-expect-error read-only
  current.features['a']!.push('x')
  // @ts-expect-error read-only
  current.hosts.set('x', { ports: [] })
  // @ts-expect-error read-only
  current.hosts.get('x')!.ports.push(1)
  // @ts-expect-error read-only
  current.since.setTime(0)
  // @ts-expect-error read-only
  current.key.fill(0)
  // @ts-expect-error read-only
  current.key[0] = 0
  // @ts-expect-error read-only
  current.key.set([0])
  // @ts-expect-error read-only
  current.pem.writeUInt8(0)
  // @ts-expect-error read-only
  current.url.search = ''
  // @ts-expect-error read-only
  current.url.searchParams.set('a', 'b')
  // @ts-expect-error read-only
  if (current.mode.type === 'a') current.mode.list.push('x')
  // @ts-expect-error read-only
  if (current.mode.type === 'b') current.mode.n = 1
  // @ts-expect-error read-only
  if (typeof current.either === 'object') current.either?.push('x')
  // @ts-expect-error read-only
  current.box.id = ''
  // @ts-expect-error read-only
  current.tree.children[0]!.children.pop()
})

test('wherever the value is handed out', async () => {
  // @ts-expect-error read-only
  const sorted = (c: All) => c.tags.sort()
  config.watch(sorted, () => {})
  config.watch(
    (c) => c.nested,
    (next, previous, change) => {
      expectTypeOf(next).toEqualTypeOf<All['nested']>()
      expectTypeOf(previous).toEqualTypeOf<All['nested']>()
      expectTypeOf(change.next).toEqualTypeOf<All>()
    },
  )
  config.on('change', ({ previous }) => expectTypeOf(previous).toEqualTypeOf<All>())
  await config.resource((c) => c.tags, {
    create: (tags) => expectTypeOf(tags).toEqualTypeOf<readonly string[]>(),
  })
  live(
    config,
    (c) => c.tags,
    (tags) => expectTypeOf(tags).toEqualTypeOf<readonly string[]>(),
  )
  expectTypeOf(config.pinned()).toEqualTypeOf<All>()
  expectTypeOf(config.snapshot().value).toEqualTypeOf<All>()
  expectTypeOf((await all.load()).current).toEqualTypeOf<All>()
})

test('what it is made of keeps its type where nothing can be written', () => {
  expectTypeOf(current.port).toBeNumber()
  expectTypeOf(current.tags).toEqualTypeOf<readonly string[]>()
  expectTypeOf(current.pair).toEqualTypeOf<
    readonly [string, { readonly n: number }, ...(readonly number[])[]]
  >()
  expectTypeOf(current.hosts).toEqualTypeOf<ReadonlyMap<string, { readonly ports: readonly number[] }>>()
  expectTypeOf(current.money).toEqualTypeOf<Money>()
  expectTypeOf(current.format).toEqualTypeOf<(n: number) => string>()
  expectTypeOf(current.id).toEqualTypeOf<string & z.$brand<'Id'>>()
  expectTypeOf(current.since).toEqualTypeOf<ReadonlyDate>()
  expectTypeOf(current.url).toEqualTypeOf<ReadonlyUrl>()
  expectTypeOf(current.any).toBeAny()
  expectTypeOf(current.unknown).toBeUnknown()
  expectTypeOf(current.mode.type).toEqualTypeOf<'a' | 'b'>()
  expectTypeOf<DeepReadonly<All>>().toEqualTypeOf<All>()
  expectTypeOf<DeepReadonly<Promise<number>>>().toExtend<Promise<number>>()
})

test('what takes a plain one takes it', () => {
  expectTypeOf(current.since).toExtend<Date>()
  expectTypeOf(current.url).toExtend<URL>()
  expectTypeOf(current.key).toExtend<Uint8Array>()
  expectTypeOf(current.pem).toExtend<Buffer>()
  expectTypeOf(current.box).toExtend<{ id: string } & z.$brand<'Box'>>()
  expectTypeOf(new Date(current.since)).toEqualTypeOf<Date>()
  expectTypeOf([...current.tags]).toEqualTypeOf<string[]>()
  expectTypeOf(current.tags.toSorted()).toEqualTypeOf<string[]>()
  createHmac('sha256', current.key).update(current.pem)
  new URL('/x', current.url)
  void fetch(current.url, { body: current.pem })
  Buffer.concat([current.key, current.pem])
  structuredClone(current.nested)
})

test('a value that holds itself is no endless type', () => {
  const selectors = [(c: All) => c.json, (c: All) => c.tree, (c: All) => c.tree.children[0]]
  for (const selector of selectors) config.watch(selector, () => {})
  expectTypeOf(current.tree.children[0]!.children[0]!.name).toBeString()
  const item = Array.isArray(current.json) ? undefined : current.json
  // @ts-expect-error read-only
  if (typeof item === 'object' && item !== null && 'a' in item) item.a = 1
})
