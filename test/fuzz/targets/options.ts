import fc from 'fast-check'
import * as z from 'zod'
import {
  defineConfig,
  env,
  file,
  hostPort,
  live,
  type LiveConfig,
  memory,
} from '../../../packages/core/src/index.ts'
import { createManualSource, createTestConfig } from '../../../packages/core/src/testing/index.ts'
import { compileSchema, createPipeline, toJsonSchema } from '../../../packages/core/src/tools/index.ts'
import { createEtcdClient } from '../../../packages/etcd/src/index.ts'
import { etcd } from '../../../packages/livetree/src/index.ts'
import { assertDefined } from '../expect-defined.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { hostileSegment, hostileText, hostileTyped } from '../hostile-values.ts'

type Options = Record<string, unknown>

/** Something that takes options, and options it takes. What it makes of them is closed again. */
interface Door {
  readonly name: string
  readonly good: Options
  open(options: unknown): unknown
}

const schema = z.object({ a: z.string().default('x') })
const ENDPOINT = 'http://127.0.0.1:1'

type Config = LiveConfig<{ a: string }>

/** A method of a configuration, which is closed while the method may still wait. */
function method(name: string, good: Options, call: (config: Config, given: never) => unknown): Door {
  return {
    name,
    good,
    async open(options) {
      const config = await defineConfig({ name: 'c', schema }).load({ sources: [memory()] })
      const called = settle(() => call(config, options as never))
      await config.close()
      await called
    },
  }
}

const DOORS: readonly Door[] = [
  {
    name: 'defineConfig',
    good: { name: 'c', schema, sources: () => [], naming: 'exact', unused: 'warn', guard: { minRemoved: 1 } },
    open: (options) => defineConfig(options as never),
  },
  {
    name: 'load',
    good: {
      sources: [memory({ a: 'y' })],
      startup: { timeoutMs: 1_000, onUnavailable: 'fail' },
      snapshot: { path: '/nowhere/c.snapshot', key: 'k', intervalMs: 100 },
      staleAfterMs: 1_000,
      maxStalenessMs: 1_000,
    },
    open: async (options) => (await defineConfig({ name: 'c', schema }).load(options as never)).close(),
  },
  method('changed', { after: 0, timeoutMs: 0 }, (config, given) => config.changed(given)),
  method('refresh', { timeoutMs: 0 }, (config, given) => config.refresh(given)),
  method('watch', { immediate: true, isEqual: Object.is }, (config, given) =>
    config.watch(
      ({ a }) => a,
      () => undefined,
      given,
    ),
  ),
  method(
    'resource',
    { name: 'r', create: () => 1, check: () => true, dispose: () => 1, drainMs: 0, jitterMs: 0 },
    (config, given) => config.resource(({ a }) => a, given),
  ),
  method('live', { name: 'l', dispose: () => 1, isEqual: Object.is }, (config, given) =>
    live(
      config,
      ({ a }) => a,
      () => 1,
      given,
    ),
  ),
  {
    name: 'env',
    good: { prefix: 'A_', dotenv: ['.env'], environment: {}, watch: false, name: 'e' },
    open: (options) => env(options as never),
  },
  {
    name: 'file',
    good: { path: 'a.json', format: 'json', optional: true, watch: false, pollMs: 0, name: 'f' },
    open: (options) => file(...fileArguments(options)),
  },
  {
    name: 'compileSchema',
    good: { naming: 'kebab-case' },
    open: (options) => compileSchema(schema, options as never),
  },
  {
    name: 'createPipeline',
    good: { unused: 'reject', guard: { minRemoved: 1, maxRemovedShare: 0.5 }, isRenamed: true },
    open: (options) => createPipeline(compileSchema(schema), [], options as never),
  },
  {
    name: 'toJsonSchema',
    good: { target: 'draft-07' },
    open: (options) => toJsonSchema(defineConfig({ name: 'c', schema }), options as never),
  },
  { name: 'hostPort', good: { defaultPort: 80 }, open: (options) => hostPort(options as never) },
  {
    name: 'createManualSource',
    good: { name: 'm', isRemote: true, layers: [], refresh: async () => {} },
    open: (options) => createManualSource(options as never),
  },
  {
    name: 'createTestConfig',
    good: { sources: [memory({ a: 'y' })], logger: false, maxStalenessMs: 1 },
    open: async (options) =>
      (await createTestConfig(defineConfig({ name: 'c', schema }), {}, options as never)).close(),
  },
  { name: 'memory', good: { name: 'm' }, open: (options) => memory({}, options as never) },
  {
    name: 'etcd',
    good: { endpoints: ENDPOINT, root: '/c', overlays: ['base', 'prod'], name: 'etcd', pageSize: 5 },
    open: (options) => etcd(options as never),
  },
  {
    name: 'etcd with layers',
    good: {
      endpoints: ENDPOINT,
      layers: [
        { prefix: '/c/shared', at: ['a', 'b.c'], unused: 'warn', optional: true },
        { prefix: '/c/own', at: 'd' },
      ],
    },
    open: (options) => etcd(options as never),
  },
  {
    name: 'createEtcdClient',
    good: {
      endpoints: ENDPOINT,
      auth: { username: 'u', password: 'p' },
      namespace: '/n',
      timeouts: { connectMs: 1, callMs: 1, attemptMs: 1, pingIntervalMs: 0 },
      backoff: { minMs: 1, maxMs: 2, factor: 2, jitter: 0.5 },
      limits: { requestBytes: 1, responseBytes: 1, txnOps: 1 },
      syncMembersMs: 0,
      watch: { progressIntervalMs: 1, progressGraceMs: 1, openTimeoutMs: 1, idsFrom: 'client' },
    },
    open: (options) => createEtcdClient(options as never).close(),
  },
]

function fileArguments(options: unknown): [never, never] {
  if (typeof options !== 'object' || options === null) return [options as never, options as never]
  const { path, ...rest } = options as Options
  return [path as never, rest as never]
}

const junk = fc.oneof(
  { weight: 3, arbitrary: hostileTyped },
  { weight: 2, arbitrary: hostileText },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(0, -1, 1.5, Number.MAX_VALUE, true, false, null, '', undefined),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>([null], [undefined], [5], [{}], [[]], ['a', 'a'], { a: 1 }),
  },
)

/**
 * The options of a door, with some taken away, added, misspelt or replaced, on any level; or something else
 * altogether.
 */
const spoilt = ({ good }: Door): fc.Arbitrary<unknown> => {
  const names = Object.entries(good).flatMap(([name, value]) =>
    isPlain(value) ? [name, ...Object.keys(value).map((below) => `${name}.${below}`)] : [name],
  )
  const edit = fc.record({
    at: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...names) },
      { weight: 1, arbitrary: fc.constantFrom(...names).map((name) => name.slice(0, -1)) },
      { weight: 1, arbitrary: hostileSegment },
    ),
    value: junk,
  })
  const edited = fc.array(edit, { maxLength: 3 }).map((edits) => {
    const options = structured(good)
    for (const { at, value } of edits) {
      const [first = '', second] = at.split('.')
      const below = options[first]
      if (second !== undefined && isPlain(below)) put(below, second, value)
      else put(options, first, value)
    }
    return options
  })
  return fc.oneof({ weight: 9, arbitrary: edited }, { weight: 1, arbitrary: junk })
}

const isPlain = (value: unknown): value is Options =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** Copies two levels; a source or a schema stays the same one. */
const structured = (good: Options): Options =>
  Object.fromEntries(
    Object.entries(good).map(([name, value]) => [name, isPlain(value) ? { ...value } : value]),
  )

const put = (target: Options, name: string, value: unknown) =>
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true })

/** What a caller is told: nothing, or an error that a table knows. */
async function settle(call: () => unknown): Promise<void> {
  try {
    await call()
  } catch (error) {
    assertDefined(error)
  }
}

const cases = fc
  .constantFrom(...DOORS)
  .chain((door) => fc.record({ door: fc.constant(door), options: spoilt(door) }))

export const options: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'options',
    what: 'options of `defineConfig`, `load`, the sources, the methods of a configuration, the tools, the test kit and the etcd client with parts missing, misspelt, replaced by anything, or not options at all: accepted, or a defined error',
    shortCases: 250,
    weight: 1,
    input: cases,
    check: ({ door, options: given }) => settle(() => door.open(given)),
  }),
]
