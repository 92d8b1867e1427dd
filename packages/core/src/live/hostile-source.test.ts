import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { memory } from '../source/memory.ts'
import type { Source, SourceConnection, SourceSink } from '../source/source.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock, type TestClock } from '../testing/test-clock.ts'
import type { LiveConfig } from '../live-config.ts'

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(0) }) })

const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)
beforeEach(() => void process.on('unhandledRejection', note))
const open: LiveConfig<unknown>[] = []
afterEach(async () => {
  for (const config of open.splice(0)) await config.close()
  await new Promise((resolve) => setTimeout(resolve, 5))
  process.off('unhandledRejection', note)
  expect(unhandled.splice(0)).toEqual([])
})

const never = () => new Promise<never>(() => {})
const hostile = () => new Error('hostile')

/** A source of a user's own in which one thing goes wrong. */
function sourceThat(parts: {
  readonly open?: (sink: SourceSink) => unknown
  readonly refresh?: () => unknown
  readonly close?: () => unknown
  readonly isRemote?: boolean
}): Source {
  return {
    name: 'own',
    layers: [{ name: 'own', keyPrefix: 'own:', separator: '/', naming: 'exact' }],
    isRemote: parts.isRemote ?? true,
    open({ sink }) {
      if (parts.open !== undefined) return parts.open(sink) as SourceConnection
      sink.replace({ revision: 1, epoch: 0, layers: [[]] })
      return {
        refresh: (parts.refresh ?? (async () => {})) as () => Promise<void>,
        close: (parts.close ?? (async () => {})) as () => Promise<void>,
      }
    },
  }
}

async function timed<R>(work: Promise<R>): Promise<number> {
  const started = performance.now()
  await work.catch(() => {})
  return performance.now() - started
}

describe('load, with a source', () => {
  it.each([
    [
      'whose open throws',
      () => {
        throw hostile()
      },
      /Source own could not be opened: hostile/,
    ],
    [
      'whose open is async',
      async () => ({ refresh: never, close: never }),
      /Source own .*its open\(\) returned a promise; expected \{ refresh\(\), close\(\) \}, at once/,
    ],
    ['whose open rejects', () => Promise.reject(hostile()), /Source own .*returned a promise/],
    ['whose open returns nothing', () => undefined, /Source own .*returned no connection/],
    ['whose connection has no close', () => ({ refresh: never }), /Source own .*returned no connection/],
  ])('%s, rejects and names it', async (_name, openIt, message) => {
    await expect(
      definition.load({ sources: [memory(), sourceThat({ open: openIt })], logger: false }),
    ).rejects.toThrow(message)
  })

  it.each([true, false])(
    'that never says anything and never closes, ends by its timeout (P8; remote: %s)',
    async (isRemote) => {
      const silent = sourceThat({ open: () => ({ refresh: never, close: never }), isRemote })
      const loading = definition.load({ sources: [silent], startup: { timeoutMs: 100 }, logger: false })
      const ms = await timed(loading)
      await expect(loading).rejects.toThrow(/\[startup_timeout\].*within 100 ms.*own: has not answered/s)
      expect(ms).toBeLessThan(3_000)
    },
  )

  it('that is closed late, still closes it after an async open', async () => {
    let isClosed = false
    const late = sourceThat({
      open: async () => ({
        refresh: never,
        async close() {
          isClosed = true
        },
      }),
    })
    await expect(definition.load({ sources: [late], logger: false })).rejects.toThrow(/source_broken/)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(isClosed).toBe(true)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['a promise', () => Promise.reject(hostile()), /sources\[0\] is a promise: await it first/],
    ['one without a name', () => ({ ...sourceThat({}), name: undefined }), /sources\[0\] has no name/],
    [
      'one with layers of nothing',
      () => ({ ...sourceThat({}), layers: [undefined] }),
      /source own has an invalid layers\[0\].name/,
    ],
    [
      'one that does not say whether it is remote',
      () => ({ ...sourceThat({}), isRemote: undefined }),
      /source own does not say whether it isRemote/,
    ],
    [
      'one that throws when it is looked at',
      () => ({
        ...sourceThat({}),
        get layers() {
          throw hostile()
        },
      }),
      /sources\[0\] cannot be read: hostile/,
    ],
  ])('that is %s, is refused', async (_name, source, message) => {
    await expect(definition.load({ sources: [source() as Source], logger: false })).rejects.toThrow(message)
  })

  it('list that is a promise, is refused', async () => {
    const wrong = defineConfig({
      name: 'x',
      schema: z.object({}),
      sources: (async () => {
        throw hostile()
      }) as never,
    })
    await expect(wrong.load({ logger: false })).rejects.toThrow(/sources\(\) returns a promise/)
  })
})

describe('a running configuration, with a source', () => {
  it.each([
    ['never settles', never],
    [
      'throws',
      () => {
        throw hostile()
      },
    ],
    ['rejects', () => Promise.reject(hostile())],
    ['returns nothing', () => undefined],
  ])('whose close %s, closes in bounded time, and says so (P11)', async (name, close) => {
    const config = await definition.load({ sources: [sourceThat({ close })], logger: false })
    const errors: string[] = []
    config.on('error', ({ message }) => errors.push(message))
    expect(await timed(config.close())).toBeLessThan(8_000)
    if (name === 'returns nothing') expect(errors).toEqual([])
    else
      expect(errors).toEqual([
        expect.stringMatching(/Source own (could not be closed: hostile|.*has not closed within 5000 ms)/),
      ])
  })

  it.each([
    ['never settles', never, 'timeout'],
    [
      'throws',
      () => {
        throw hostile()
      },
      'source_unavailable',
    ],
    ['rejects', () => Promise.reject(hostile()), 'source_unavailable'],
  ])('whose refresh %s, has a refresh that ends', async (_name, refresh, code) => {
    const config = await definition.load({ sources: [sourceThat({ refresh })], logger: false })
    open.push(config)
    await expect(config.refresh({ timeoutMs: 50 })).rejects.toMatchObject({ code })
  })

  const WRONG: [string, (sink: SourceSink) => void, RegExp][] = [
    [
      'replace of nothing',
      (sink) => sink.replace(undefined as never),
      /called replace\(\) with undefined; expected an object/,
    ],
    [
      'replace without layers',
      (sink) => sink.replace({ revision: 2, epoch: 0 } as never),
      /layers = undefined; expected a list/,
    ],
    [
      'a revision of text',
      (sink) => sink.replace({ revision: '2', epoch: 0, layers: [[]] } as never),
      /revision = a string; expected a number/,
    ],
    [
      'a revision that is no number',
      (sink) => sink.replace({ revision: Number.NaN, epoch: 0, layers: [[]] }),
      /revision = NaN/,
    ],
    [
      'leaves that are no list',
      (sink) => sink.replace({ revision: 2, epoch: 0, layers: [{ a: 1 }] } as never),
      /layers\[0\] = an object; expected a list of leaves/,
    ],
    [
      'a leaf without path',
      (sink) => sink.replace({ revision: 2, epoch: 0, layers: [[{ value: 1, revision: 0 }]] } as never),
      /layers\[0\]\[0\]\.path = undefined/,
    ],
    [
      'a leaf without revision',
      (sink) => sink.replace({ revision: 2, epoch: 0, layers: [[{ path: 'a', value: 1 }]] } as never),
      /layers\[0\]\[0\]\.revision/,
    ],
    [
      'a leaf that throws',
      (sink) =>
        sink.replace({
          revision: 2,
          epoch: 0,
          layers: [
            [
              {
                get path() {
                  throw hostile()
                },
              },
            ],
          ],
        } as never),
      /cannot be read: hostile/,
    ],
    ['a patch without changes', (sink) => sink.patch({ revision: 2 } as never), /changes = undefined/],
    [
      'a change without leaf',
      (sink) => sink.patch({ revision: 2, changes: [{ layer: 0 }] } as never),
      /changes\[0\]\.leaf = undefined/,
    ],
    ['proof without time', (sink) => sink.alive({ revision: 2 } as never), /provenAt = undefined/],
    ['a loss of nothing', (sink) => sink.lost(undefined as never), /called lost\(\) with undefined/],
    [
      'too many layers',
      (sink) => sink.replace({ revision: 2, epoch: 0, layers: [[], []] }),
      /handed over 2 layers and declares 1/,
    ],
    [
      'a revision that goes back',
      (sink) => sink.replace({ revision: 0, epoch: 0, layers: [[]] }),
      /went back from revision 1 to 0/,
    ],
  ]
  it.each(WRONG)(
    'that gives %s, drops the call, names the source, and goes on',
    async (_name, call, message) => {
      let sink: SourceSink | undefined
      const source = sourceThat({
        open(given) {
          sink = given
          given.replace({ revision: 1, epoch: 0, layers: [[]] })
          return { refresh: async () => {}, close: async () => {} }
        },
      })
      const config = await definition.load({ sources: [source], logger: false })
      open.push(config)
      const errors: string[] = []
      config.on('error', (error) => errors.push(error.message))
      call(sink!)
      await config.refresh()
      expect(errors).toEqual([expect.stringMatching(/^\[source_broken\] Source own /)])
      expect(errors[0]).toMatch(message)
      sink!.replace({ revision: 3, epoch: 0, layers: [[{ path: 'a', value: 7, revision: 3 }]] })
      await config.refresh()
      expect(config.current).toEqual({ a: 7 })
      expect(config.status.sources[0]!.state).toBe('live')
      await config.close()
      call(sink!)
      sink!.replace({ revision: 4, epoch: 0, layers: [[{ path: 'a', value: 8, revision: 4 }]] })
      expect(config.current).toEqual({ a: 7 })
    },
  )

  it('that says at the start what nobody can read, says why it does not load', async () => {
    const source = sourceThat({
      open(sink) {
        sink.replace({ revision: 1, epoch: 0, layers: 'all' } as never)
        return { refresh: async () => {}, close: async () => {} }
      },
    })
    const loading = definition.load({ sources: [source], startup: { timeoutMs: 100 }, logger: false })
    await expect(loading).rejects.toThrow(
      /own: \[source_broken\] Source own called replace\(\) with layers = a string/,
    )
  })

  it('that is lost without words, or with an error that has none, still has a reason', async () => {
    const store = createManualSource({ name: 'etcd' })
    const loading = definition.load({ sources: [store], logger: false })
    store.replace(1, {})
    const config = await loading
    open.push(config)
    const refused = ['::1', '127.0.0.1'].map((host) => new Error(`connect ECONNREFUSED ${host}:1`))
    for (const [error, message] of [
      [new AggregateError(refused), 'connect ECONNREFUSED ::1:1; connect ECONNREFUSED 127.0.0.1:1'],
      [Object.assign(new Error(''), { code: 'EPIPE' }), 'Error EPIPE'],
      ['gone', 'gone'],
      [undefined, 'undefined'],
    ] as const) {
      store.sink.lost({ error: error as Error, isFinal: false })
      await config.refresh()
      expect(config.status.sources[0]!.lastError?.message).toBe(message)
      expect(JSON.parse(JSON.stringify(config.status)).sources[0].lastError.message).toBe(message)
      expect(config.health).toMatchObject({ state: 'live', reason: `etcd is lost: ${message}` })
    }
  })
})

describe('what waits', () => {
  it('changed() on a closed configuration rejects, and leaves nothing that a later abort could break', async () => {
    const config = await definition.load({ sources: [memory()], logger: false })
    await config.close()
    const abort = new AbortController()
    await expect(config.changed({ signal: abort.signal })).rejects.toMatchObject({ code: 'closed' })
    await expect(config.refresh({ signal: abort.signal })).rejects.toMatchObject({ code: 'closed' })
    abort.abort()
  })

  it.each([
    ['before', (abort: AbortController) => abort.abort('why')],
    ['during', (abort: AbortController) => void setImmediate(() => abort.abort('why'))],
  ])('a signal that fires %s ends changed, refresh and load, once each', async (_when, fire) => {
    const config = await definition.load({ sources: [sourceThat({ refresh: never })], logger: false })
    open.push(config)
    for (const start of [
      (signal: AbortSignal) => config.changed({ signal }),
      (signal: AbortSignal) => config.refresh({ signal }),
      (signal: AbortSignal) => definition.load({ sources: [createManualSource()], signal, logger: false }),
    ]) {
      const abort = new AbortController()
      fire(abort)
      await expect(start(abort.signal)).rejects.toMatchObject({ code: 'aborted', cause: 'why' })
    }
  })

  it('an iterator that is given up while it waits ends at once, and so does one whose configuration is closed', async () => {
    const config = await definition.load({ sources: [memory()], logger: false })
    const given = config[Symbol.asyncIterator]()
    const waiting = given.next()
    expect(await given.return!()).toEqual({ done: true, value: undefined })
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await given.next()).toEqual({ done: true, value: undefined })
    const other = config[Symbol.asyncIterator]()
    const ahead = [other.next(), other.next()]
    await config.close()
    expect(await Promise.all(ahead)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
  })

  it('a resource whose create never ends is given up by close, and by the next change', async () => {
    const source = memory({ a: 1 })
    const config = await definition.load({ sources: [source], logger: false })
    const never1 = config.resource((c) => c.a, { name: 'first', create: never, drainMs: 20 })
    const rejected = expect(never1).rejects.toMatchObject({ code: 'closed' })
    const made: number[] = []
    const pool = await config.resource((c) => c.a, {
      name: 'pool',
      create: (a) => (a === 2 ? never() : made.push(a)),
      drainMs: 20,
    })
    const errors: string[] = []
    config.on('error', ({ code, message }) => errors.push(`${code} ${message}`))
    source.set({ a: 2 })
    expect(pool.status.state).toBe('building')
    source.set({ a: 3 })
    while (made.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(made).toEqual([1, 3])
    expect(errors.filter((text) => text.includes('pool'))).toEqual([
      expect.stringMatching(
        /^drain_timeout .*A build of pool was still running 20 ms after its signal was aborted/,
      ),
    ])
    await config.close()
    await rejected
  })

  it('a hundred cycles of load and close leave no listener on the signal, and two at once are two', async () => {
    const abort = new AbortController()
    for (let round = 0; round < 100; round++) {
      const source = memory({ a: round })
      const [one, two] = await Promise.all([
        definition.load({ sources: [source], signal: abort.signal, logger: false }),
        definition.load({ sources: [source], signal: abort.signal, logger: false }),
      ])
      source.set({ a: round + 1 })
      expect([one.current.a, two.current.a]).toEqual([round + 1, round + 1])
      await Promise.all([one.close(), two.close(), one.close()])
    }
    expect(getEventListeners(abort.signal, 'abort')).toEqual([])
    abort.abort()
  })
})

describe('listeners', () => {
  it('refuses an unknown event, and a listener that is not a function', async () => {
    const config = await definition.load({ sources: [memory()], logger: false })
    open.push(config)
    expect(() => config.on('chnage' as never, () => {})).toThrow(
      /on\(\) got an unknown event\. Did you mean "change"/,
    )
    expect(() => config.on('change', undefined as never)).toThrow(
      /on\(\) needs a function that listens for 'change'/,
    )
    expect(() => config.watch((c) => c, undefined as never)).toThrow(
      /watch\(\) got no handler; expected a function/,
    )
    expect(() => config.watch(undefined as never, () => {})).toThrow(/watch\(\) got no selector/)
    expect(() => config.watch((c) => c, 1 as never)).toThrow(/watch\(\) got handler = 1?/)
  })
})

describe('what is said of a source that is away', () => {
  async function startSilently(
    advance: (source: ReturnType<typeof createManualSource>, clock: TestClock) => unknown,
  ) {
    const lines: string[] = []
    const debugged: string[] = []
    const record = (message: string) => void lines.push(message)
    const logger = {
      debug: (message: string) => void debugged.push(message),
      info() {},
      warn: record,
      error: record,
    }
    const clock = createTestClock()
    const source = createManualSource({ name: 'etcd' })
    const loading = definition.load({ sources: [source], clock, logger, startup: { timeoutMs: 10_000 } })
    loading.catch(() => {})
    await advance(source, clock)
    source.replace(1, {})
    const config = await loading
    open.push(config)
    return { lines, debugged, clock, source, config }
  }

  it('at the start, when it is silent: a line after three seconds', async () => {
    const { lines, clock } = await startSilently((_source, time) => time.advance(2_999))
    expect(lines).toEqual([])
    expect(clock.pendingTimers).toBe(1)
    const silent = await startSilently((_source, time) => time.advance(9_000))
    expect(silent.lines).toEqual([
      'Configuration "shop" still waits for etcd, which has not answered; it waits 10000 ms in all',
    ])
  })

  it('at the start, when it is lost: for debugging at once, a warning after three seconds', async () => {
    const lose = (source: ReturnType<typeof createManualSource>, time: TestClock, ms: number) => {
      source.sink.lost({ error: new Error('refused'), isFinal: false })
      return time.advance(ms)
    }
    const short = await startSilently((source, time) => lose(source, time, 2_999))
    expect([short.lines, short.debugged[0]]).toEqual([
      [],
      'Source etcd of configuration "shop" is lost: refused',
    ])
    const long = await startSilently((source, time) => lose(source, time, 9_000))
    expect(long.lines).toEqual([
      'Configuration "shop" still waits for etcd, which is lost: refused; it waits 10000 ms in all',
    ])
  })

  it('by turns for two reasons: a line for each, for debugging', async () => {
    const { lines, debugged, source, config } = await startSilently(() => {})
    for (let round = 0; round < 50; round++) {
      for (const endpoint of ['one', 'two'])
        source.sink.lost({ error: new Error(`${endpoint} refused`), isFinal: false })
    }
    await config.refresh()
    expect(lines).toEqual([])
    expect(debugged.filter((line) => line.includes('is lost'))).toEqual(
      [1, 2].map((n) => expect.stringContaining(`is lost: ${n === 1 ? 'one' : 'two'} refused`)),
    )
  })

  it('is asked for proof as often as the configuration needs it', async () => {
    let asked: number | undefined
    const source: Source = {
      ...sourceThat({}),
      open({ sink, staleAfterMs }) {
        asked = staleAfterMs
        sink.replace({ revision: 1, epoch: 0, layers: [[]] })
        return { refresh: async () => {}, close: async () => {} }
      },
    }
    open.push(await definition.load({ sources: [source], staleAfterMs: 700, logger: false }))
    expect(asked).toBe(700)
  })
})
