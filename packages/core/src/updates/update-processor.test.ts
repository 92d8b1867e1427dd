import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { LivetreeError } from '../errors.ts'
import { createPipeline } from '../pipeline/create-pipeline.ts'
import { compileSchema } from '../schema/compile-schema.ts'
import type { Source, SourceSink } from '../source/source.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { recordSource } from '../testing/record-source.ts'
import { createTestClock } from '../testing/test-clock.ts'
import { SourceState } from './source-state.ts'
import { UpdateProcessor } from './update-processor.ts'

const schema = z.object({
  a: z.number(),
  b: z.number().default(0),
  many: z.record(z.string(), z.string()).default({}),
})
type Value = z.output<typeof schema>

interface Notified {
  accepted: { revision: number; version: number; epoch: number; value: Value; isHealed: boolean }[]
  rejected: { revision: number; codes: string[] }[]
  failed: LivetreeError[]
  confirmed: number
  unused: number
}

function setUp(sources: readonly Source[], options: { unused?: 'reject'; sliceMs?: number } = {}) {
  const clock = createTestClock()
  const { sliceMs = 1_000, ...others } = options
  const pipeline = createPipeline<Value>(compileSchema(schema), sources, others)
  const states = sources.map((source) => new SourceState(source, clock))
  const writer = new UpdateProcessor<Value>({
    pipeline,
    sources: states,
    clock,
    keepsLeaves: true,
    awaitsComparison: false,
    sliceMs,
  })
  const notified: Notified = { accepted: [], rejected: [], failed: [], confirmed: 0, unused: 0 }
  writer.observe({
    accepted: ({ revision, version, epoch, value }, isHealed) => {
      notified.accepted.push({ revision, version, epoch, value, isHealed })
    },
    confirmed: () => void notified.confirmed++,
    rejected: (event) => {
      notified.rejected.push({ revision: event.revision, codes: event.issues.map((issue) => issue.code) })
    },
    unused: () => void notified.unused++,
    judged: () => {},
    connectivity: () => {},
    failed: (error) => void notified.failed.push(error),
  })
  for (const [index, source] of sources.entries()) {
    const silent = { debug() {}, info() {}, warn() {}, error() {} }
    source.open({ sink: writer.sinkFor(index), clock, logger: silent })
  }
  return { writer, notified, states, pipeline, clock }
}

function raise(): never {
  throw new Error('hostile')
}

describe('UpdateProcessor', () => {
  it('lists unused keys at the revision they were written last, and tells of them once', () => {
    for (const path of ['zz', 'x//y', 'a/b']) {
      const store = createManualSource({ name: 'store' })
      const { writer, notified } = setUp([store])
      store.replace(1, { a: '1' })
      for (const [revision, value] of [
        [2, '1'],
        [3, '2'],
        [4, '2'],
      ] as const) {
        store.patch(revision, { [path]: value })
        expect(writer.unused.map(({ origin }) => origin.revision)).toEqual([revision])
      }
      expect(notified.unused).toBe(1)
    }
  })

  it('judges nothing before every source has handed over its tree', () => {
    const local = createManualSource({ name: 'local', isRemote: false })
    const store = createManualSource({ name: 'store' })
    const { writer, notified } = setUp([local, store])
    local.replace(1, { a: 'bad' })
    local.patch(2, { a: '1' })
    expect(notified).toMatchObject({ accepted: [], rejected: [] })
    store.replace(50, { b: '2' })
    expect(notified.accepted).toMatchObject([{ revision: 50, version: 1, value: { a: 1, b: 2 } }])
    expect(writer.snapshot?.value).toEqual({ a: 1, b: 2, many: {} })
  })

  it('judges nothing of a list that is prepared, and keeps nothing of it when another one comes', () => {
    const local = createManualSource({ name: 'local', isRemote: false })
    const store = createManualSource({ name: 'store' })
    const { notified } = setUp([local, store])
    const abandoned = store.sink.beginReplace()
    abandoned.add(0, [{ path: 'b', value: 'given up', revision: 1 }])
    local.replace(1, {})
    expect(notified).toMatchObject({ accepted: [], rejected: [], failed: [] })
    abandoned.abandon()
    const whole = store.sink.beginReplace()
    whole.add(0, [{ path: 'a', value: '1', revision: 2 }])
    whole.commit({ revision: 5, epoch: 0 })
    expect(notified.accepted).toMatchObject([{ revision: 5, value: { a: 1, b: 0, many: {} } }])
  })

  it('prepares nothing once trees are judged', () => {
    const local = createManualSource({ name: 'local', isRemote: false })
    const store = createManualSource({ name: 'store' })
    const { writer } = setUp([local, store])
    local.replace(1, { a: '1' })
    writer.fallback('defaults', new Map([[1, { revision: 0, epoch: 0, layers: [[]] }]]))
    const whole = store.sink.beginReplace()
    whole.add(0, [{ path: 'b', value: '7', revision: 6 }])
    local.patch(2, { a: '2' })
    expect(writer.snapshot?.value).toMatchObject({ a: 2, b: 0 })
    whole.commit({ revision: 6, epoch: 0 })
    expect(writer.snapshot?.value).toMatchObject({ a: 2, b: 7 })
  })

  it.each<[string, (sink: SourceSink) => void, RegExp]>([
    [
      'after a part that has no leaf in it',
      (sink) => {
        const tree = sink.beginReplace()
        tree.add(0, [{ path: 'b', value: '2', revision: 2 }])
        tree.add(0, [undefined as never])
        tree.commit({ revision: 2, epoch: 0 })
      },
      /leaves\[0\] = undefined; expected \{ path, value, revision \}/,
    ],
    [
      'after a part of a layer that is not declared',
      (sink) => {
        const tree = sink.beginReplace()
        tree.add(1, [])
        tree.commit({ revision: 2, epoch: 0 })
      },
      /add\(\) for layer 1 and declares 1 layers/,
    ],
    [
      'with no revision',
      (sink) => sink.beginReplace().commit({ epoch: 0 } as never),
      /commit\(\) with revision = undefined; expected a number/,
    ],
    [
      'after it was abandoned',
      (sink) => {
        const tree = sink.beginReplace()
        tree.abandon()
        tree.add(0, [])
        tree.commit({ revision: 2, epoch: 0 })
      },
      /add\(\) on a replacement that has ended/,
    ],
    [
      'with what throws when it is read',
      (sink) => {
        let reads = 0
        const store = { enumerable: true, get: () => (++reads > 0 ? raise() : '') }
        sink.beginReplace().commit(Object.defineProperty({ revision: 2, epoch: 0 }, 'store', store))
      },
      /commit\(\) with what cannot be read: hostile/,
    ],
  ])('drops a tree that is committed %s, and keeps the one before', (_name, send, message) => {
    const store = createManualSource({ name: 'store' })
    const { writer, notified } = setUp([store])
    store.replace(1, { a: '1' })
    send(store.sink)
    expect(writer.snapshot).toMatchObject({ revision: 1, value: { a: 1 } })
    expect(notified.failed[0]?.message).toMatch(message)
    store.patch(3, { a: '3' })
    expect(writer.snapshot).toMatchObject({ revision: 3, value: { a: 3, b: 0 } })
  })

  it('lets the source reuse the array of a part', () => {
    const store = createManualSource()
    const { writer } = setUp([store])
    const page = [{ path: 'a', value: '1', revision: 1 }]
    const tree = store.sink.beginReplace()
    tree.add(0, page)
    page[0] = { path: 'b', value: '2', revision: 1 }
    tree.add(0, page)
    tree.commit({ revision: 1, epoch: 0 })
    expect(writer.snapshot?.value).toMatchObject({ a: 1, b: 2 })
  })

  it('lets a valid revision between invalid ones become current', () => {
    const store = createManualSource()
    const { writer, notified } = setUp([store])
    store.replace(1, { a: '1' })
    store.patch(2, { a: 'x' })
    store.patch(3, { a: '3' })
    store.patch(4, { a: 'y' })
    expect(notified.accepted.map(({ revision, isHealed }) => [revision, isHealed])).toEqual([
      [1, false],
      [3, true],
    ])
    expect(notified.rejected.map(({ revision }) => revision)).toEqual([2, 4])
    expect(writer.snapshot).toMatchObject({ revision: 3, version: 2 })
    expect(writer.rejected).toMatchObject({ revision: 4, source: 'manual' })
  })

  it('reports a failing state once, however much is written elsewhere, and again when it is written again', () => {
    const store = createManualSource()
    const { notified } = setUp([store])
    store.replace(1, { a: 'x' })
    store.patch(2, { b: '2' })
    store.patch(3, { 'many/k': 'v' })
    expect(notified.rejected.map(({ revision }) => revision)).toEqual([1])
    store.patch(4, { a: 'x' })
    store.patch(5, { b: 'also bad' })
    expect(notified.rejected.map(({ revision }) => revision)).toEqual([1, 4, 5])
  })

  it('has the revision go on when nothing changed, and by proof alone', () => {
    const store = createManualSource()
    const { writer, notified } = setUp([store])
    store.replace(1, { a: '1' })
    const before = writer.snapshot!
    store.patch(2, { a: '1' })
    expect(writer.snapshot).toMatchObject({ revision: 2, version: 1 })
    expect(writer.snapshot!.value).toBe(before.value)
    store.sink.alive({ revision: 9, provenAt: 1_000_000 })
    expect(writer.snapshot).toMatchObject({ revision: 9, version: 1 })
    expect(notified).toMatchObject({ confirmed: 1 })
    expect(notified.accepted).toHaveLength(1)
    // what was given out does not change under its holder
    expect(before.revision).toBe(1)
  })

  it('does not let proof move the revision past a rejected tree', () => {
    const store = createManualSource()
    const { writer } = setUp([store])
    store.replace(1, { a: '1' })
    store.patch(2, { a: 'x' })
    store.sink.alive({ revision: 9, provenAt: 1_000_000 })
    expect(writer.snapshot).toMatchObject({ revision: 1 })
  })

  it('drops what goes back or breaks the contract, says so, and goes on', () => {
    const store = createManualSource()
    const { writer, notified } = setUp([store])
    store.patch(1, { a: '0' })
    store.replace(5, { a: '5' })
    store.patch(4, { a: '4' })
    store.replace(3, { a: '3' })
    store.patch(6, { a: '6' })
    expect(notified.failed.map(({ code }) => code)).toEqual([
      'source_broken',
      'source_broken',
      'source_broken',
    ])
    expect(notified.accepted.map(({ revision }) => revision)).toEqual([5, 6])
    expect(writer.snapshot!.value.a).toBe(6)
  })

  it('takes a new epoch with a lower revision as a visible step', () => {
    const store = createManualSource()
    const { writer, notified } = setUp([store])
    store.replace(500, { a: '1' })
    store.replace(3, { a: '2' }, { epoch: 1 })
    expect(notified.accepted.map(({ revision, epoch }) => [epoch, revision])).toEqual([
      [0, 500],
      [1, 3],
    ])
    // the same tree in another epoch is another place too
    store.replace(1, { a: '2' }, { epoch: 2 })
    expect(writer.snapshot).toMatchObject({ epoch: 2, revision: 1, version: 2 })
  })

  describe('servedRevision', () => {
    it('is of the store that is read now: 0 while what is in service is of the one before', () => {
      const store = createManualSource()
      const { writer } = setUp([store])
      store.replace(35, { a: '1' })
      expect(writer.servedRevision(0)).toBe(35)
      store.patch(36, { a: 'x' })
      expect(writer.servedRevision(0)).toBe(35)
      store.replace(2, { a: 'x' }, { epoch: 1 })
      expect(writer.servedRevision(0)).toBe(0)
      store.patch(40, { b: '7' })
      expect(writer.servedRevision(0)).toBe(0)
      store.patch(41, { a: '2' })
      expect(writer.servedRevision(0)).toBe(41)
    })

    it('is that of the source, also where another one gives the configuration its revision', () => {
      const store = createManualSource()
      const other = createManualSource()
      const { writer } = setUp([store, other])
      store.replace(10, { a: '1' })
      other.replace(900, { b: '1' })
      expect([writer.servedRevision(0), writer.servedRevision(1)]).toEqual([10, 900])
      store.patch(12, { a: 'x' })
      other.patch(901, { b: '2' })
      expect([writer.servedRevision(0), writer.servedRevision(1)]).toEqual([10, 900])
      store.replace(3, { a: 'x' }, { epoch: 1 })
      expect([writer.servedRevision(0), writer.servedRevision(1)]).toEqual([0, 900])
    })

    it('is that of a snapshot, unless the store turns out to be behind it', () => {
      const store = createManualSource()
      const { writer } = setUp([store])
      writer.fallback(
        'snapshot',
        new Map([[0, { revision: 40, epoch: 2, layers: recordedLayers({ a: '1' }) }]]),
      )
      expect(writer.servedRevision(0)).toBe(40)
      store.replace(5, { a: 'x' })
      expect(writer.servedRevision(0)).toBe(0)
      store.patch(50, { b: '7' })
      expect(writer.servedRevision(0)).toBe(0)
      store.patch(51, { a: '2' })
      expect(writer.servedRevision(0)).toBe(51)
    })
  })

  it('counts versions where no source is remote', () => {
    const local = createManualSource({ isRemote: false })
    const { notified } = setUp([local])
    local.replace(70, { a: '1' })
    local.patch(71, { a: '2' })
    expect(notified.accepted.map(({ revision, version }) => [revision, version])).toEqual([
      [1, 1],
      [2, 2],
    ])
  })

  it('has the last remote source give the revision, and a local change leave it', () => {
    const [first, second] = [createManualSource({ name: 'one' }), createManualSource({ name: 'two' })]
    const local = createManualSource({ name: 'local', isRemote: false })
    const { notified } = setUp([first, second, local])
    first.replace(1_000, { a: '1' })
    local.replace(1, {})
    second.replace(7, { b: '1' })
    first.patch(1_001, { a: '2' })
    local.patch(2, { b: '9' })
    expect(notified.accepted.map(({ revision, version }) => [revision, version])).toEqual([
      [7, 1],
      [7, 2],
      [7, 3],
    ])
  })

  it('guards a large removal until the leaves are back, or the write says that it is meant', () => {
    const store = createManualSource()
    const { writer, notified } = setUp([store])
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, 'v']))
    const paths = (value: string | undefined) =>
      Object.fromEntries(Object.keys(many).map((name) => [`many/${name}`, value]))
    store.replace(1, { a: '1', many })
    store.patch(2, paths(undefined))
    expect(notified.rejected).toEqual([{ revision: 2, codes: ['guard'] }])
    store.patch(3, { b: '3' })
    expect(writer.snapshot!.revision).toBe(1)
    store.patch(4, paths('v'))
    expect(writer.snapshot!.value.b).toBe(3)
    expect(writer.rejected).toBeUndefined()
    store.patch(5, paths(undefined), { allowRemoval: true })
    expect(writer.snapshot!.value.many).toEqual({})
  })

  it('judges what has had to wait together, when it comes to a good tree', async () => {
    const store = createManualSource()
    const { writer, notified } = setUp([store], { sliceMs: 0 })
    store.replace(1, { a: '0' })
    for (let revision = 2; revision <= 200; revision++) store.patch(revision, { a: `${revision}` })
    await writer.settled()
    expect(notified.accepted.at(-1)).toMatchObject({ revision: 200, value: { a: 200 } })
    expect(notified.accepted.length).toBeLessThan(50)
    expect(notified.rejected).toEqual([])
  })

  it('judges one by one what does not come to a good tree together: none of it is withheld', async () => {
    const store = createManualSource()
    const { writer, notified } = setUp([store], { sliceMs: 0 })
    store.replace(1, { a: '0' })
    for (let revision = 2; revision <= 200; revision++) {
      store.patch(revision, { a: revision === 199 ? '199' : revision > 190 ? 'bad' : `${revision}` })
    }
    await writer.settled()
    expect(notified.accepted.slice(-2)).toMatchObject([
      { revision: 190, value: { a: 190 }, isHealed: false },
      { revision: 199, value: { a: 199 }, isHealed: true },
    ])
    expect(notified.rejected.at(0)).toEqual({ revision: 191, codes: ['invalid_type'] })
    expect(notified.rejected.at(-1)).toEqual({ revision: 200, codes: ['invalid_type'] })
    expect(writer.lastGoodState(0, { withSecrets: true }).layers).toEqual([
      [{ path: 'a', value: '199', revision: 199 }],
    ])
  })

  it('drops only the update that breaks the contract among those that have had to wait', async () => {
    const store = createManualSource()
    const { writer, notified } = setUp([store], { sliceMs: 0 })
    store.replace(1, { a: '0' })
    for (let revision = 2; revision <= 100; revision++) {
      store.patch(revision === 80 ? 3 : revision, { a: `${revision}`, [`many/k${revision}`]: 'v' })
    }
    await writer.settled()
    expect(notified.failed.map(({ code }) => code)).toEqual(['source_broken'])
    expect(Object.keys(writer.snapshot!.value.many)).toHaveLength(98)
    expect(writer.snapshot!.value.many).not.toHaveProperty('k80')
  })

  it('tells what waits how far it has come', async () => {
    const store = createManualSource()
    const { writer } = setUp([store])
    let contacts = 0
    void writer.nextConnection().then(() => contacts++)
    await writer.settled()
    expect(contacts).toBe(0)
    store.sink.lost({ error: new Error('x'), isFinal: false })
    await writer.settled()
    expect(contacts).toBe(1)
  })

  describe('fallback', () => {
    it('serves other leaves for a missing source until it comes, in the same epoch when it is further', () => {
      const store = createManualSource()
      const { writer, notified } = setUp([store])
      const layers = recordedLayers({ a: '1' })
      expect(writer.fallback('snapshot', new Map([[0, { revision: 40, epoch: 2, layers }]]))).toEqual([])
      expect(writer).toMatchObject({
        servedFrom: 'snapshot',
        snapshot: { revision: 40, epoch: 2, version: 1 },
      })
      store.replace(41, { a: '1' })
      expect(writer).toMatchObject({
        servedFrom: 'sources',
        snapshot: { revision: 41, epoch: 2, version: 1 },
      })
      expect(notified.accepted).toHaveLength(1)
    })

    it('takes a store behind the snapshot for another one', () => {
      const store = createManualSource()
      const { writer } = setUp([store])
      writer.fallback(
        'snapshot',
        new Map([[0, { revision: 40, epoch: 2, layers: recordedLayers({ a: '1' }) }]]),
      )
      store.replace(5, { a: '2' })
      expect(writer.snapshot).toMatchObject({ revision: 5, epoch: 3 })
      store.replace(1, { a: '3' }, { epoch: 1 })
      expect(writer.snapshot).toMatchObject({ revision: 1, epoch: 4 })
    })

    it('covers a tree that is not valid, which stays reported, and is served when it is mended by a patch', () => {
      const store = createManualSource()
      const { writer, notified } = setUp([store])
      store.replace(50, { a: 'x', b: '5' })
      expect(notified.rejected).toHaveLength(1)
      writer.fallback(
        'snapshot',
        new Map([[0, { revision: 40, epoch: 0, layers: recordedLayers({ a: '1' }) }]]),
      )
      expect(writer.snapshot).toMatchObject({ revision: 40, value: { a: 1, b: 0 } })
      expect(writer.rejected).toMatchObject({ revision: 50 })
      expect(notified.rejected).toHaveLength(1)
      store.patch(51, { a: '2' })
      expect(writer.snapshot).toMatchObject({ revision: 51, value: { a: 2, b: 5 } })
      expect(writer).toMatchObject({ servedFrom: 'sources', rejected: undefined })
    })

    it('changes nothing when it is not valid itself', () => {
      const store = createManualSource()
      const { writer, notified } = setUp([store])
      const issues = writer.fallback('defaults', new Map([[0, { revision: 0, epoch: 0, layers: [[]] }]]))
      expect(issues).toMatchObject([{ pathText: 'a' }])
      expect(writer).toMatchObject({ snapshot: undefined, servedFrom: 'sources' })
      store.replace(7, { a: '7' })
      expect(notified.accepted).toMatchObject([{ revision: 7, epoch: 0 }])
    })

    it('takes the place of a list that is being prepared, which is staged whole when it comes', () => {
      const store = createManualSource()
      const { writer, notified } = setUp([store])
      const whole = store.sink.beginReplace()
      whole.add(0, [{ path: 'b', value: '7', revision: 41 }])
      const layers = recordedLayers({ a: '1' })
      writer.fallback('snapshot', new Map([[0, { revision: 40, epoch: 0, layers }]]))
      expect(writer.snapshot).toMatchObject({ revision: 40, value: { a: 1, b: 0 } })
      whole.add(0, [{ path: 'a', value: '2', revision: 41 }])
      expect(notified.accepted).toHaveLength(1)
      whole.commit({ revision: 41, epoch: 0 })
      expect(writer.snapshot).toMatchObject({ revision: 41, value: { a: 2, b: 7 } })
    })

    it('that is refused leaves nothing of a list that is being prepared twice in place', () => {
      const store = createManualSource()
      const { writer } = setUp([store])
      const whole = store.sink.beginReplace()
      whole.add(0, [{ path: 'b', value: '7', revision: 41 }])
      writer.fallback('defaults', new Map([[0, { revision: 0, epoch: 0, layers: [[]] }]]))
      whole.add(0, [{ path: 'a', value: '2', revision: 41 }])
      whole.commit({ revision: 41, epoch: 0 })
      expect(writer.snapshot).toMatchObject({ revision: 41, value: { a: 2, b: 7 } })
    })

    it('guards the first tree of the store against what was served', () => {
      const store = createManualSource()
      const { writer } = setUp([store])
      const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, 'v']))
      const layers = recordedLayers({ a: '1', many })
      writer.fallback('snapshot', new Map([[0, { revision: 40, epoch: 0, layers }]]))
      store.replace(41, { a: '1' })
      expect(writer.rejected?.issues).toMatchObject([{ code: 'guard' }])
      expect(Object.keys(writer.snapshot!.value.many)).toHaveLength(20)
    })
  })

  describe('lastGoodState', () => {
    it('is the last accepted state while a worse one is staged', () => {
      const store = createManualSource()
      const { writer } = setUp([store])
      store.replace(1, { a: '1' })
      store.patch(2, { a: '2', 'many/k': 'v' })
      store.patch(3, { a: 'x', 'many/k': undefined, b: 'y' })
      const state = writer.lastGoodState(0, { withSecrets: true })
      const leaves = new Map(state.layers[0]!.map((leaf) => [leaf.path, [leaf.value, leaf.revision]]))
      expect(state.revision).toBe(2)
      expect(Object.fromEntries(leaves)).toEqual({ a: ['2', 2], 'many/k': ['v', 2] })
      // and the worse one is still what is judged on
      store.patch(4, { a: '4', b: '4' })
      expect(writer.snapshot!.value).toEqual({ a: 4, b: 4, many: {} })
    })
  })

  it('survives a schema that throws', () => {
    const store = createManualSource()
    const { writer, notified, pipeline } = setUp([store])
    store.replace(1, { a: '1' })
    const evaluate = pipeline.evaluate
    pipeline.evaluate = () => {
      throw new Error('boom')
    }
    store.patch(2, { a: '2' })
    expect(notified.failed).toMatchObject([{ code: 'internal', cause: { message: 'boom' } }])
    expect(writer.rejected).toMatchObject({ revision: 2 })
    pipeline.evaluate = evaluate
    store.patch(3, { a: '3' })
    expect(writer.snapshot!.value.a).toBe(3)
  })
})

/** Leaves as a snapshot on disk would hold them. */
function recordedLayers(values: object) {
  const source = createManualSource()
  const recorder = recordSource(source)
  source.replace(1, values)
  const [call] = recorder.calls
  return call?.type === 'replace' ? call.update.layers : []
}
