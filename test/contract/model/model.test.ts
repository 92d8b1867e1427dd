import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { KV } from '@livetree/etcd/wire'
import { expect, test } from 'vitest'
import { eachRealEtcd } from '../../support/each-etcd.ts'
import { isLongRun } from '../../support/run-length.ts'
import { waitFor } from '../../support/wait-for.ts'
import { Random } from './random.ts'
import { type Operation, type Position, randomOperation } from './random-operation.ts'
import { Subject, type Told } from './subject.ts'

/** `LIVETREE_MODEL_OPERATIONS=20000` makes it long, `LIVETREE_MODEL_SEED` repeats a run. */
const operations = Number(process.env.LIVETREE_MODEL_OPERATIONS ?? (isLongRun ? 1_500 : 600))
const seed = Number(process.env.LIVETREE_MODEL_SEED ?? Date.now() % 1_000_000)
const everything = { key: '\0', rangeEnd: '\0' }
const maxWatches = 40

eachRealEtcd('Model', (etcd) => {
  const name = `${operations} random operations have equal answers and equal watch histories (seed ${seed})`
  test(name, { timeout: 60_000 + operations * 30 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'livetree-model-'))
    await using cleanup = new AsyncDisposableStack()
    cleanup.defer(() => rmSync(folder, { recursive: true }))
    const dataFile = join(folder, 'etcd.db')
    const memory = cleanup.use(await startEmbeddedEtcd())
    const durable = cleanup.use(await startEmbeddedEtcd({ dataFile }))
    const real = await etcd.start()
    const open = (name: string, endpoint: string): Subject => {
      const subject = new Subject(name, endpoint)
      cleanup.defer(() => subject.close())
      return subject
    }
    const reference = open(`etcd ${etcd.version}`, real.endpoint)
    const embedded = [open('memory', memory.endpoint), open('durable', durable.endpoint)]
    const random = new Random(seed)
    let position: Position = { revision: 1, compactRevision: 0 }

    for (let n = 0; n < operations; n += 1) {
      // Some in any run, and the others at random.
      const isDue = n % 300 === 0 || random.chance(0.005)
      if (isDue && reference.told.length < maxWatches) {
        const create = randomWatch(random, position)
        const isAhead = create.startRevision > position.revision
        await Promise.all([reference, ...embedded].map((subject) => subject.watch(create, isAhead)))
        await allTold(reference, embedded)
      }
      const operation = randomOperation(random, position)
      const expected = await reference.run(operation)
      for (const subject of embedded) {
        const what = `operation ${n} on ${subject.name}: ${show(operation)}`
        expect(await subject.run(operation), what).toEqual(expected)
      }
      position = advance(position, operation, expected)
    }
    await allTold(reference, embedded)
    expect(reference.told.length).toBeGreaterThan(0)

    // What is in the file is the same store again: every revision that can be read, and the history.
    await durable.close()
    const reopened = cleanup.use(await startEmbeddedEtcd({ dataFile }))
    const again = open('reopened', reopened.endpoint)
    for (let revision = Math.max(position.compactRevision, 1); revision <= position.revision; revision += 1) {
      const read = { method: KV.range as never, request: { ...everything, revision } }
      expect(await again.run(read), `revision ${revision}`).toEqual(await reference.run(read))
    }
    const history = { ...everything, startRevision: position.compactRevision + 1, prevKv: true }
    const isAhead = history.startRevision > position.revision
    const expected = await reference.watch(history, isAhead)
    const told = await again.watch(history, isAhead)
    if (!isAhead) await again.caughtUp()
    await waitFor(() => told?.events.length === expected?.events.length).catch(() => {})
    expect(told).toEqual(expected)
  })
})

/** Waits until every watch has told all there is, and compares what they told. */
const allTold = async (reference: Subject, embedded: readonly Subject[]): Promise<void> => {
  for (const subject of [reference, ...embedded]) await subject.caughtUp()
  // Old etcds say too early that they have told everything.
  await waitFor(() => embedded.every((subject) => sizes(subject, reference) === sizes(reference))).catch(
    () => {},
  )
  for (const subject of embedded)
    expect(comparable(subject, reference), `watches on ${subject.name}`).toEqual(reference.told)
}

const sizes = (subject: Subject, reference = subject): string =>
  comparable(subject, reference)
    .map(({ events, end }) => `${events.length}${end}`)
    .join()

/**
 * What a subject has told, as far as it can be compared: a compaction ends a watch that an old etcd has not begun to
 * serve, which nothing shows from outside while it has nothing to tell.
 */
const comparable = (subject: Subject, reference: Subject): readonly Told[] =>
  subject.told.map((told, index) => {
    const expected = reference.told[index]
    const isUnbegun =
      reference.name.startsWith('etcd 3.4') && expected?.events.length === 0 && expected.end !== undefined
    return isUnbegun ? expected : told
  })

/** What is watched: one key, some, all, what no key is in, and what is refused because it is empty. */
const watched = [
  ...[everything, { key: 'a', rangeEnd: 'b' }, { key: 'b' }, { key: 'c', rangeEnd: '\0' }],
  ...[{ key: 'a', rangeEnd: 'a\0' }, { key: '', rangeEnd: '\0' }, { key: '' }, { key: 'x', rangeEnd: 'z' }],
  ...[
    { key: 'b', rangeEnd: 'a' },
    { key: 'a', rangeEnd: 'a' },
    { key: 'a/1', rangeEnd: '\xff' },
  ],
]

/** A watch from now, the future, or the past; not at the compact revision itself, where old etcds forget deletes. */
const randomWatch = (random: Random, { revision, compactRevision }: Position) => {
  const start = random.int(Math.max(compactRevision - 2, 1), revision + 3)
  return {
    ...random.pick(watched),
    startRevision: random.chance(0.4) || start === compactRevision ? 0 : start,
    prevKv: random.chance(0.5),
    filters: random.chance(0.3) ? random.list(1, 2, () => random.int(0, 1)) : [],
    fragment: random.chance(0.3),
  }
}

const advance = (position: Position, { method, request }: Operation, answer: unknown): Position => {
  const { header } = answer as { header?: { revision: number } }
  if (header === undefined) return position
  const isCompaction = method.path === KV.compact.path
  return {
    revision: Math.max(position.revision, header.revision),
    compactRevision: isCompaction ? (request as { revision: number }).revision : position.compactRevision,
  }
}

const show = ({ method, request }: Operation): string =>
  `${method.path} ${JSON.stringify(request, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`
