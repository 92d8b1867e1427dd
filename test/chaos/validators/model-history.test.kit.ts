import * as z from 'zod'
import type {
  ConfigHistory,
  ConfigRecord,
  History,
  StoreEntry,
  StoreEvent,
  StoreHistory,
  WatchHistory,
  WatchRecord,
  WriteRecord,
} from '../history.ts'
import { type Decode, treeStates } from './config-trees.ts'
import { referenceDecoder } from './reference-decoder.ts'
import { differingPaths } from './same-data.ts'
import { StoreIndex } from './store-index.ts'

/** The judge of the configurations in these tests. */
export const decode: Decode = referenceDecoder(
  z.object({
    port: z.coerce.number().int(),
    name: z.string().optional(),
    flags: z.record(z.string(), z.stringbool()).optional(),
  }),
)

/** All of it may be changed, to make it wrong. */
export type Mutable<T> = T extends readonly (infer E)[]
  ? Mutable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T

/** A store as it should be. Its first write has revision 2. */
export class ModelStore {
  readonly #clusterId: string
  readonly #tree = new Map<string, StoreEntry>()
  readonly #revisions: { revision: number; events: StoreEvent[] }[] = []
  readonly compactions: number[] = []

  constructor(clusterId = '1') {
    this.#clusterId = clusterId
  }

  get revision(): number {
    return this.#revisions.at(-1)?.revision ?? 1
  }

  /** Undefined deletes. Gives what a writer records of it. */
  write(changes: Readonly<Record<string, string | undefined>>): WriteRecord {
    const revision = this.revision + 1
    const events = Object.entries(changes).flatMap(([key, value]) => this.#change(key, value, revision))
    if (events.length > 0) this.#revisions.push({ revision, events })
    return {
      writer: 'writer',
      calledAtMs: revision,
      returnedAtMs: revision,
      operations: Object.entries(changes).map(([key, value]) =>
        value === undefined ? { type: 'delete', key } : { type: 'put', key, value },
      ),
      outcome: { type: 'applied', revision: this.revision },
    }
  }

  history(): StoreHistory {
    return {
      clusterId: this.#clusterId,
      baseRevision: 1,
      base: [],
      revisions: this.#revisions,
      compactions: this.compactions,
      final: { revision: this.revision, entries: [...this.#tree.values()] },
    }
  }

  #change(key: string, value: string | undefined, modRevision: number): StoreEvent[] {
    const before = this.#tree.get(key)
    if (value === undefined) {
      this.#tree.delete(key)
      return before === undefined ? [] : [{ type: 'delete', key, modRevision }]
    }
    const createRevision = before?.createRevision ?? modRevision
    const entry = { key, value, createRevision, modRevision, version: (before?.version ?? 0) + 1 }
    this.#tree.set(key, entry)
    return [{ type: 'put', ...entry }]
  }
}

/** What a watch has to be given from one revision up to another, both included. */
export const deliveries = (
  store: StoreHistory,
  watch: Omit<WatchHistory, 'records'>,
  from: number,
  until: number,
): Mutable<WatchRecord>[] => {
  const index = new StoreIndex(store)
  const { revisions, events } = index.view(watch)
  const given = revisions.flatMap((revision, place): WatchRecord[] | WatchRecord =>
    revision < from || revision > until
      ? []
      : {
          type: 'events',
          revision,
          events: events[place]!.map((event) => {
            const previous = watch.prevKv ? index.entryAt(event.key, revision - 1) : undefined
            return { ...event, ...(previous === undefined ? {} : { previous }) }
          }),
        },
  )
  return structuredClone(given) as Mutable<WatchRecord>[]
}

/** The list of a watch's range. */
export const list = (
  store: StoreHistory,
  watch: Omit<WatchHistory, 'records'>,
  revision: number,
): Mutable<WatchRecord> => ({
  type: 'listed',
  revision,
  clusterId: store.clusterId,
  entries: new StoreIndex(store).entriesAt(watch, revision),
})

export const created = (position: number, clusterId = '1'): Mutable<WatchRecord> => ({
  type: 'created',
  position,
  clusterId,
  endpoint: 'http://m',
})

/** What a configuration has to serve and tell when it sees these revisions of a store, and the end of it. */
export const servings = (
  store: StoreHistory,
  config: Omit<ConfigHistory, 'records'>,
  seen: (revision: number) => boolean = () => true,
): ConfigRecord[] => {
  const states = treeStates(new StoreIndex(store), config, decode).filter(({ revision }) => seen(revision))
  const records: ConfigRecord[] = []
  let served: { readonly revision: number; readonly value: unknown } | undefined
  let version = 0
  for (const { revision, decoded } of states) {
    if (!decoded.valid) {
      if (served !== undefined) records.push(rejected(revision))
      continue
    }
    const { value } = decoded
    const changed = served === undefined ? [] : differingPaths(served.value, value)
    const place = { type: 'served', epoch: 0, revision, value } as const
    if (served === undefined) records.push({ ...place, how: 'loaded', version: ++version })
    else if (changed.length > 0)
      records.push({ ...place, how: 'change', version: ++version, changed, previous: served.value })
    served = { revision, value }
  }
  if (served !== undefined) records.push({ type: 'served', how: 'end', epoch: 0, version, ...served })
  return records
}

export const rejected = (revision: number): Mutable<ConfigRecord> => ({
  type: 'rejected',
  epoch: 0,
  revision,
  issues: [
    {
      path: ['port'],
      pathText: 'port',
      message: `no number at ${revision}`,
      code: 'invalid_type',
      expected: 'number',
      received: 'x',
      origins: [],
    },
  ],
})

/** A run in which all went well, with a little of everything: see the comments. */
export const goodHistory = (): Mutable<History> => {
  const store = new ModelStore()
  const writes = [
    store.write({ '/c/base/port': '1' }), // 2
    store.write({ '/c/base/name': 'a', '/c/prod/port': '2' }), // 3
    store.write({ '/c/prod/port': undefined }), // 4
    store.write({ '/c/base/port': 'x' }), // 5: not valid
    store.write({ '/c/base/port': '3' }), // 6
    store.write({ '/c/base/flags/a': 'true', '/other': '1' }), // 7
    store.write({ '/c/base/name': undefined }), // 8
  ]
  store.compactions.push(4)
  const history = store.history()
  const range = { key: '/c/', rangeEnd: '/c0' }
  const plain = { name: 'plain', ...range, prevKv: false, completeUntil: 8 }
  const puts = { name: 'puts', ...range, prevKv: true, only: 'puts' as const }
  const key = { name: 'key', key: '/c/base/port', prevKv: true }
  const config = { name: 'config', root: '/c', overlays: ['base', 'prod'] }
  const good: History = {
    epochs: [history],
    writes: [
      ...writes,
      {
        ...writes[0]!,
        operations: [{ type: 'put', key: '/a', value: 'r' }],
        outcome: { type: 'refused', code: 'no_leader' },
      },
      {
        ...writes[0]!,
        operations: [{ type: 'put', key: '/a', value: 'u' }],
        outcome: { type: 'unknown', code: 'outcome_unknown' },
      },
    ],
    watches: [
      {
        ...plain,
        records: [
          created(2),
          ...deliveries(history, plain, 2, 3),
          { type: 'progress', revision: 3, isExact: true },
          { type: 'disconnected', code: 'connection_lost' },
          { type: 'resumed', position: 4, endpoint: 'http://n' },
          ...deliveries(history, plain, 4, 7),
          { type: 'disconnected' },
          { type: 'resumed', position: 8, endpoint: 'http://n' },
          ...deliveries(history, plain, 8, 8),
          { type: 'progress', revision: 8, isExact: true },
        ],
      },
      // lists first, and again after a compaction
      {
        ...puts,
        records: [
          list(history, puts, 2),
          created(3),
          { type: 'compacted', compactRevision: 4, position: 3 },
          { type: 'ended', code: 'compacted' },
          list(history, puts, 4),
          created(5),
          ...deliveries(history, puts, 5, 8),
        ],
      },
      { ...key, records: [created(2), ...deliveries(history, key, 2, 6), { type: 'ended' }, created(7)] },
    ],
    configs: [{ ...config, records: servings(history, config) }],
  }
  return structuredClone(good) as Mutable<History>
}

/** The records of a watch of the good history. */
export const recordsOf = (history: Mutable<History>, name: string): Mutable<WatchRecord>[] =>
  history.watches.find((watch) => watch.name === name)!.records

/** A delivery of a watch of the good history. */
export const deliveryOf = (history: Mutable<History>, name: string, revision: number) => {
  const found = recordsOf(history, name).find((each) => each.type === 'events' && each.revision === revision)
  return found as Extract<Mutable<WatchRecord>, { type: 'events' }>
}

/** The records of the configuration of the good history: loaded at 2, changes at 3, 4, 6, 7 and 8, rejected 5, the end. */
export const toldOf = (history: Mutable<History>): Mutable<ConfigRecord>[] => history.configs[0]!.records

/** A thing served by the configuration of the good history. */
export const servedAt = (history: Mutable<History>, revision: number) =>
  toldOf(history).find((each) => each.type === 'served' && each.revision === revision) as Extract<
    Mutable<ConfigRecord>,
    { type: 'served' }
  >
