import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from './define-config.ts'
import { promisesIn } from './promises-in.ts'
import { live } from './resource/live-value.ts'
import { Sealed } from './sealed.ts'
import { env } from './source/env.ts'
import { file } from './source/file.ts'
import { memory } from './source/memory.ts'
import type { SourceSink } from './source/source.ts'
import { createManualSource } from './testing/manual-source.ts'
import { createTestConfig } from './testing/create-test-config.ts'
import { validateTree } from './tools/validate-tree.ts'
import { collectUnhandled } from './unhandled-rejections.test.kit.ts'

const unhandled = collectUnhandled()

/** How a promise that rejects may be given. */
const FORMS: Readonly<Record<string, (promise: Promise<never>) => unknown>> = {
  itself: (promise) => promise,
  'in an object': (promise) => ({ x: promise }),
  'in a list': (promise) => ['x', promise],
  'in a map': (promise) => new Map([['x', promise]]),
  'as the name in a map': (promise) => new Map([[promise, 'x']]),
  'in a set': (promise) => new Set([promise]),
  'in a holder': (promise) => new Sealed(promise),
  'deep inside': (promise) => [{ x: [new Map([['x', { x: promise }]])] }],
}

const schema = z.object({ a: z.any().default('old'), b: z.string().default('x') })
const definition = defineConfig({ name: 'x', schema, naming: 'exact' })
const layers = [{ name: 's', keyPrefix: '', separator: '/', naming: 'exact' as const }]
const leaf = { path: 'a', value: 'new', revision: 2 }
const change = { layer: 0, leaf }
const tree = { revision: 2, epoch: 0, layers: [[leaf]] }
const patch = { revision: 2, changes: [change] }

/** A configuration of a source of the user's own, whose methods may return anything. */
async function loaded(methods: Readonly<Record<string, (value: never) => unknown>> = {}) {
  let sink: SourceSink | undefined
  const source = {
    name: 's',
    isRemote: true,
    layers,
    open(context: { sink: SourceSink }) {
      sink = context.sink
      sink.replace({ revision: 1, epoch: 0, layers: [[]] })
      return { refresh: async () => {}, close: async () => {}, ...methods }
    },
  }
  const local = memory({})
  const config = await definition.load({ sources: [source as never, local], logger: false })
  return { config, sink: sink!, local }
}

/** The objects with each of their properties replaced by what is given, also in objects and lists inside. */
function* withEach(object: unknown, given: () => unknown): Generator<unknown> {
  yield given()
  if (typeof object !== 'object' || object === null) return
  for (const name of Object.keys(object)) {
    for (const part of withEach((object as Record<string, unknown>)[name], given)) {
      const copy = (Array.isArray(object) ? [...object] : { ...object }) as Record<string, unknown>
      copy[name] = part
      yield copy
    }
  }
}

/** Where a user's code gives values: each gets a function that makes one. */
const DOORS: Readonly<Record<string, (given: () => unknown) => unknown>> = {
  patchOf: async (given) => {
    for (const result of withEach({ changes: [change], allowRemoval: [0] }, given)) {
      const { config } = await loaded({ patchOf: () => result })
      await tried(() => config.preview([{ layer: 's', key: 'a', value: 'x' }]))
      await config.close()
    }
  },
  'an async patchOf': async (given) => {
    const { config } = await loaded({ patchOf: async () => given() })
    await tried(() => config.preview([{ layer: 's', key: 'a', value: 'x' }]))
    await config.close()
  },
  'the methods of a connection': async (given) => {
    for (const method of ['refresh', 'close']) {
      for (const result of [() => given(), async () => given()]) {
        const { config } = await loaded({ [method]: result })
        await tried(() => config.refresh())
        await config.close()
      }
    }
  },
  open: async (given) => {
    for (const connection of withEach({ refresh: async () => {}, close: async () => {} }, given)) {
      const source = { name: 's', isRemote: false, layers, open: () => connection }
      await tried(() => definition.load({ sources: [source as never], logger: false }))
    }
  },
  'sink.replace': (given) =>
    sinkCalls(
      withEach({ ...tree, store: 's', provenAt: 1, resync: true, isKnown: false, allowRemoval: [0] }, given),
      'replace',
    ),
  'sink.patch': (given) => sinkCalls(withEach({ ...patch, allowRemoval: [0] }, given), 'patch'),
  'sink.alive': (given) => sinkCalls(withEach({ revision: 1, provenAt: 1 }, given), 'alive'),
  'sink.lost': (given) => sinkCalls(withEach({ error: new Error('x'), isFinal: false }, given), 'lost'),
  'sink.beginReplace': async (given) => {
    for (const leaves of withEach([leaf], given)) {
      const { config, sink } = await loaded()
      const replacement = sink.beginReplace()
      replacement.add(0, leaves as never)
      replacement.commit({ revision: 2, epoch: 0 })
      replacement.add(0, leaves as never)
      sink.beginReplace().add(given() as never, [])
      await config.close()
    }
    for (const end of withEach({ revision: 2, epoch: 0, store: 's' }, given)) {
      const { config, sink } = await loaded()
      sink.beginReplace().commit(end as never)
      await config.close()
    }
  },
  sources: async (given) => {
    const plain = { name: 's', isRemote: false, layers, address: 'x', removalCommand: 'x', open: () => {} }
    for (const sources of withEach([plain], given))
      await tried(() => definition.load({ sources: sources as never, logger: false }))
    for (const sources of withEach([plain], given))
      await tried(() =>
        defineConfig({ name: 'x', schema, sources: () => sources as never }).load({ logger: false }),
      )
  },
  preview: async (given) => {
    const { config } = await loaded()
    for (const changes of withEach([{ layer: 's', key: 'a', value: 'x' }], given))
      await tried(() => config.preview(changes as never))
    await tried(() => config.preview([{ layer: 'no', key: 'a', value: given() }]))
    for (const options of withEach({ allowRemovals: ['s'] }, given))
      await tried(() => config.preview([], options as never))
    await config.close()
  },
  'methods of a configuration': async (given) => {
    const { config } = await loaded()
    const calls: ((value: never) => unknown)[] = [
      (value) => config.explain(value),
      (value) => config.report(value),
      (value) => config.attachLogger(value),
      (value) => config.runPinned(() => {}, value),
      (value) => config.on(value, () => {}),
      (value) => config.on('change', value),
      (value) => config.once('change', value),
      (value) => config.watch(value, () => {}),
      (value) => config.watch(() => 1, value),
      (value) =>
        config.watch(
          () => 1,
          () => {},
          value,
        ),
      (value) =>
        config.watch(
          () => 1,
          () => {},
          { isEqual: value },
        ),
      (value) => config.changed({ after: value }),
      (value) => config.refresh({ signal: value }),
      (value) => config.resource(value, { create: () => 1 }),
      (value) => config.resource(() => 1, { create: value }),
      (value) => live(config, value, () => 1),
      (value) => live(config, () => 1, value),
      (value) =>
        live(
          value,
          () => 1,
          () => 1,
        ),
    ]
    for (const call of calls) await tried(() => call(given() as never))
    await config.close()
  },
  'values of a program': async (given) => {
    const { config, local } = await loaded()
    for (const value of [() => given(), () => ({ a: given() }), () => ({ a: { a: given() } })]) {
      await tried(() => memory(value() as object))
      await tried(() => local.set(value() as object))
      await tried(() => local.replace(value() as object))
      await tried(async () => (await createTestConfig(definition, value() as never)).close())
      const test = await createTestConfig(definition, {})
      await tried(() => test.set(value() as never))
      await tried(() => test.reject(value() as object))
      await tried(() => test.disconnect(value() as never))
      await test.close()
    }
    await config.close()
  },
  options: async (given) => {
    const options = { name: 'x', schema, sources: () => [], naming: 'exact', guard: { minRemoved: 1 } }
    for (const each of withEach({ ...options, schema: 1 }, given))
      await tried(() => defineConfig(each as never))
    for (const each of withEach(
      { prefix: 'A', aliases: { a: ['B'] }, dotenv: ['x'], environment: { A: 'x' } },
      given,
    ))
      await tried(() => env(each as never))
    await tried(() => file(given() as never))
    for (const each of withEach({ name: 'x', expand: { A: 'x' } }, given))
      await tried(() => file('x.yaml', each as never))
    const loading = { sources: [], startup: { timeoutMs: 1 }, snapshot: { path: 'x', key: 'x' } }
    for (const each of withEach(loading, given)) await tried(() => definition.load(each as never))
    for (const each of withEach({ name: 'x', layers, isRemote: true }, given))
      await tried(() => createManualSource(each as never))
  },
  validateTree: async (given) => {
    for (const each of withEach([{ layers, leaves: [[leaf]], name: 's' }], given))
      await tried(() => validateTree(definition, each as never))
  },
  'what callbacks return': async (given) => {
    const { config, local } = await loaded()
    config.on('change', given)
    config.on('error', given)
    config.watch((value) => value.b, given)
    config.watch(
      (value) => value.b,
      () => {},
      { isEqual: given as never },
    )
    await tried(() => config.runPinned(() => {}))
    await tried(() =>
      config.resource((value) => value.b, {
        create: () => 1,
        check: given as never,
        dispose: given as never,
        isEqual: given as never,
        drainMs: 1,
      }),
    )
    live(
      config,
      (value) => value.b,
      () => 1,
      { dispose: given as never, isEqual: given as never },
    )
    local.set({ b: 'y' })
    await config.refresh()
    local.set({ b: 'z' })
    await config.close()
  },
  'what a clock and a logger return': async (given) => {
    let isArmed = false
    const act =
      <A extends unknown[]>(call: (...args: A) => unknown) =>
      (...args: A) =>
        isArmed ? given() : call(...args)
    const log = act(() => {})
    const clock = {
      now: act(() => Date.now()),
      setTimeout: act((run: () => void, ms: number) => setTimeout(run, ms)),
      clearTimeout: act((timer: NodeJS.Timeout) => clearTimeout(timer)),
    }
    const logger = { debug: log, info: log, warn: log, error: log }
    const local = memory({})
    const config = await definition.load({ sources: [local], logger, clock: clock as never })
    isArmed = true
    local.set({ b: 'y' })
    await tried(() => config.refresh({ timeoutMs: 1 }))
    await config.close()
  },
}

async function sinkCalls(calls: Iterable<unknown>, method: 'replace' | 'patch' | 'alive' | 'lost') {
  for (const given of calls) {
    const { config, sink } = await loaded()
    ;(sink[method] as (given: unknown) => void)(given)
    await config.refresh().catch(() => {})
    await config.close()
    ;(sink[method] as (given: unknown) => void)(given)
  }
}

async function tried(call: () => unknown): Promise<void> {
  try {
    await call()
  } catch {
    // what is told has tests of its own
  }
}

test.each([
  ['a getter', () => Object.defineProperty({}, 'x', { enumerable: true, get: () => expect.unreachable() })],
  ['a proxy', () => new Proxy({}, { ownKeys: () => expect.unreachable() })],
  ['an instance of another class', () => Object.assign(new (class Own {})(), { x: Promise.resolve() })],
  [
    'what holds itself',
    () => {
      const list: unknown[] = []
      list.push(list, new Map([[list, list]]))
      return list
    },
  ],
  ['a list with holes', () => [...new Array(3), new Array(4_000_000_000)]],
  // Which is the price of a bound.
  ['the end of a long list', () => [...new Array(200_000).fill(0), Promise.resolve()]],
])('the search for promises leaves alone %s', (_what, make) => {
  expect(promisesIn(make())).toEqual([])
})

describe.each(Object.entries(DOORS))('a promise given by user code ends no process: %s', (_door, give) => {
  test.each(Object.entries(FORMS))('%s', async (_form, make) => {
    let count = 0
    await give(() => make(Promise.reject(new Error(`rejected ${++count}`))))
    await new Promise((resolve) => setTimeout(resolve, 2))
    expect(unhandled).toEqual([])
    expect(count).toBeGreaterThan(0)
  })
})

test.each([
  ['a promise', async () => ({ changes: [] }), 'returned a promise; expected { changes }, at once'],
  ['nothing', () => undefined, 'returned changes = undefined; expected a list of { layer, leaf }'],
  [
    'a promise in a leaf',
    () => ({ changes: [{ layer: 0, leaf: { ...leaf, value: { x: Promise.resolve() } } }] }),
    'returned changes[0].leaf.value = an object that holds a promise; expected what it resolves with',
  ],
  [
    'a layer that is not there',
    () => ({ changes: [{ layer: 7, leaf }] }),
    'sent a change of layer 7 and declares 1 layers',
  ],
  [
    'a permission for one',
    () => ({ changes: [], allowRemoval: [9] }),
    'allowed removals from layer 9 and declares 1 layers',
  ],
  [
    'a permission of text',
    () => ({ changes: [], allowRemoval: 'yes' }),
    'returned allowRemoval = a string; expected true, or the indexes of layers',
  ],
])(
  'what patchOf returns is refused as by the sink, and names the source: %s',
  async (_what, patchOf, problem) => {
    const { config } = await loaded({ patchOf })
    const preview = () => config.preview([{ layer: 's', key: 'a', value: 'x' }])
    expect(preview).toThrow(`[source_broken] Source s cannot preview a change: its patchOf() ${problem}.`)
    await config.close()
  },
)

test('a leaf that holds a promise is refused, and the source is named', async () => {
  const { config, sink } = await loaded()
  const errors: string[] = []
  config.on('error', ({ message }) => errors.push(message))
  sink.patch({ revision: 2, changes: [{ layer: 0, leaf: { ...leaf, value: [Promise.resolve()] } }] })
  await config.refresh()
  expect(errors).toEqual([
    '[source_broken] Source s called patch() with changes[0].leaf.value = a list that holds a promise; expected what it resolves with. The call was dropped.',
  ])
  expect(config.current.a).toBe('old')
  await config.close()
})
