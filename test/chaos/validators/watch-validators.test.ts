import { describe, expect, it } from 'vitest'
import type { History } from '../history.ts'
import { examine } from './evidence.ts'
import {
  created,
  decode,
  deliveries,
  deliveryOf,
  goodHistory,
  list,
  ModelStore,
  type Mutable,
  recordsOf,
} from './model-history.test.kit.ts'
import { describeViolations, validate, validators } from './validate.ts'

type Spoil = (history: Mutable<History>) => unknown

const drop = (history: Mutable<History>, name: string, revision: number) => {
  const records = recordsOf(history, name)
  records.splice(records.indexOf(deliveryOf(history, name, revision)), 1)
}

/** What breaks each rule, and the revision that the violation has to name. */
const cases: Record<string, readonly (readonly [what: string, at: number, spoil: Spoil])[]> = {
  filter: [
    ['a key out of the range', 7, (h) => (deliveryOf(h, 'plain', 7).events[0]!.key = '/other')],
    ['a key after the end of the range', 7, (h) => (deliveryOf(h, 'plain', 7).events[0]!.key = '/c0')],
    ['a longer key than the one', 6, (h) => (deliveryOf(h, 'key', 6).events[0]!.key += '/x')],
    ['a delete, where puts were asked for', 7, (h) => (deliveryOf(h, 'puts', 7).events[0]!.type = 'delete')],
  ],
  ordered: [
    [
      'a revision before the last one',
      4,
      (h) => recordsOf(h, 'plain').push(...deliveries(h.epochs[0]!, h.watches[0]!, 4, 4)),
    ],
  ],
  unique: [
    [
      'a delivery twice in a row',
      7,
      (h) => recordsOf(h, 'puts').push(...deliveries(h.epochs[0]!, h.watches[1]!, 7, 7)),
    ],
    [
      'a key twice in a delivery',
      3,
      (h) => deliveryOf(h, 'plain', 3).events.push(deliveryOf(h, 'plain', 3).events[0]!),
    ],
    [
      'what was given before the watch was made anew',
      6,
      (h) => recordsOf(h, 'key').push(...deliveries(h.epochs[0]!, h.watches[2]!, 6, 6)),
    ],
  ],
  atomic: [
    ['half of a revision', 3, (h) => deliveryOf(h, 'plain', 3).events.pop()],
    [
      'a revision in two calls',
      3,
      (h) => {
        const first = deliveryOf(h, 'plain', 3)
        const records = recordsOf(h, 'plain')
        records.splice(records.indexOf(first) + 1, 0, { ...first, events: first.events.splice(1) })
      },
    ],
    ['a revision in another order', 3, (h) => deliveryOf(h, 'plain', 3).events.reverse()],
    [
      'two revisions in one call',
      4,
      (h) => deliveryOf(h, 'plain', 4).events.push(deliveryOf(h, 'plain', 5).events[0]!),
    ],
    ['a call with nothing', 4, (h) => deliveryOf(h, 'plain', 4).events.pop()],
  ],
  bookmarkable: [
    [
      'what lies before the bookmark, after it',
      8,
      (h) => recordsOf(h, 'plain').push(...deliveries(h.epochs[0]!, h.watches[0]!, 8, 8)),
    ],
    ['a bookmark without what lies before it', 7, (h) => drop(h, 'plain', 7)],
  ],
  resumable: [
    ['not the first revision after the beginning', 2, (h) => drop(h, 'plain', 2)],
    ['not the first revision after contact came back', 4, (h) => drop(h, 'plain', 4)],
    ['not the first revision after the list', 5, (h) => drop(h, 'puts', 5)],
    ['a beginning that is not the one after the list', 6, (h) => (recordsOf(h, 'puts')[5] = created(6))],
    [
      'a position past what was not delivered',
      4,
      (h) => (recordsOf(h, 'plain')[5] = { type: 'resumed', position: 5, endpoint: '' }),
    ],
    [
      'a position that was delivered',
      3,
      (h) => (recordsOf(h, 'plain')[5] = { type: 'resumed', position: 3, endpoint: '' }),
    ],
    ['a new watch after a gap', 5, (h) => recordsOf(h, 'key').splice(2, 3, { type: 'ended' }, created(6))],
    [
      'a history that is not gone given up',
      3,
      (h) => (recordsOf(h, 'puts')[2] = { type: 'compacted', compactRevision: 2, position: 3 }),
    ],
    [
      'a compaction told past what was not delivered',
      3,
      (h) => (recordsOf(h, 'puts')[2] = { type: 'compacted', compactRevision: 9, position: 5 }),
    ],
    [
      'a first delivery before the position',
      2,
      (h) => recordsOf(h, 'puts').splice(6, 0, ...deliveries(h.epochs[0]!, h.watches[1]!, 2, 2)),
    ],
  ],
  'is-create': [
    [
      'version 1, created before',
      6,
      (h) => Object.assign(deliveryOf(h, 'plain', 6).events[0]!, { version: 1 }),
    ],
    [
      'created now, with a higher version',
      7,
      (h) => Object.assign(deliveryOf(h, 'plain', 7).events[0]!, { version: 2 }),
    ],
    [
      'made new, and was there',
      6,
      (h) => Object.assign(deliveryOf(h, 'plain', 6).events[0]!, { version: 1, createRevision: 6 }),
    ],
    [
      'changed, and was not there',
      7,
      (h) => Object.assign(deliveryOf(h, 'plain', 7).events[0]!, { version: 2, createRevision: 6 }),
    ],
  ],
  reliable: [
    ['a revision in the middle left out', 6, (h) => drop(h, 'plain', 6)],
    [
      'the end left out, up to which it was waited for',
      8,
      (h) => {
        drop(h, 'plain', 8)
        recordsOf(h, 'plain').pop()
      },
    ],
    ['another value', 6, (h) => Object.assign(deliveryOf(h, 'plain', 6).events[0]!, { value: '4' })],
    ['another version', 6, (h) => Object.assign(deliveryOf(h, 'plain', 6).events[0]!, { version: 9 })],
    ['a put in the place of a delete', 4, (h) => (deliveryOf(h, 'plain', 4).events[0]!.type = 'put')],
    [
      'what never was',
      6,
      (h) => deliveryOf(h, 'plain', 6).events.push({ type: 'delete', key: '/c/base/z', modRevision: 6 }),
    ],
    ['a list with an entry less', 4, (h) => (recordsOf(h, 'puts')[4] as Listed).entries.pop()],
    ['a list with an older entry', 4, (h) => ((recordsOf(h, 'puts')[4] as Listed).entries[0]!.version = 0)],
    [
      'a list with an entry more',
      4,
      (h) =>
        (recordsOf(h, 'puts')[4] as Listed).entries.push({ ...h.epochs[0]!.final!.entries[0]!, key: '/c/z' }),
    ],
    ['a store that nobody saw', 2, (h) => (recordsOf(h, 'plain')[0] = created(2, '7'))],
  ],
  'prev-kv': [
    ['another previous value', 6, (h) => (deliveryOf(h, 'key', 6).events[0]!.previous!.value = '9')],
    ['another previous version', 6, (h) => (deliveryOf(h, 'key', 6).events[0]!.previous!.version = 9)],
    ['no previous value', 6, (h) => delete deliveryOf(h, 'key', 6).events[0]!.previous],
    [
      'a previous value of a new key',
      7,
      (h) => (deliveryOf(h, 'puts', 7).events[0]!.previous = h.epochs[0]!.final!.entries[0]!),
    ],
    [
      'a previous value that was not asked for',
      6,
      (h) => (deliveryOf(h, 'plain', 6).events[0]!.previous = deliveryOf(h, 'key', 6).events[0]!.previous!),
    ],
  ],
}

type Listed = Extract<Mutable<History['watches'][number]['records'][number]>, { type: 'listed' }>

for (const [name, table] of Object.entries(cases)) {
  describe(`${name}, of what watches were given`, () => {
    it.each(table)('reports %s', (_, at, spoil) => {
      const history = goodHistory()
      spoil(history)
      const found = validators[name]!(examine(history, decode))
      expect(found.map((violation) => violation.at)).toContain(at)
      expect(new Set(found.map(({ validator }) => validator))).toEqual(new Set([name]))
    })
  })
}

describe('every validator of watches', () => {
  it('finds nothing in a good history', () => {
    expect(describeViolations(validate(goodHistory(), decode))).toBe('')
  })

  it('takes a previous value for lost where it may have been compacted', () => {
    const history = goodHistory()
    delete deliveryOf(history, 'key', 5).events[0]!.previous
    expect(validate(history, decode)).toMatchObject([{ validator: 'prev-kv', at: 5 }])
    history.epochs[0]!.compactions = [5]
    expect(validate(history, decode)).toEqual([])
  })

  it('takes a previous value for lost only in what the server took up before it had taken the watch on', () => {
    for (const type of ['created', 'resumed'] as const) {
      const issuesWith = (revision: number, isFirst = true) => {
        const history = goodHistory()
        const records = recordsOf(history, 'key')
        const delivery = deliveryOf(history, 'key', 5)
        const place = { position: 5, endpoint: '', revision }
        if (type === 'created') Object.assign(records.find((record) => record.type === type)!, { revision })
        else records.splice(records.indexOf(delivery), 0, { type: 'disconnected' }, { type, ...place })
        delete delivery.events[0]!.previous
        if (!isFirst) records.splice(records.indexOf(delivery), 0, deliveryOf(goodHistory(), 'key', 6))
        return validate(history, decode).filter(({ validator }) => validator === 'prev-kv')
      }
      expect(issuesWith(5)).toEqual([])
      // the store goes on while the server takes the watch on, but not for long
      expect(issuesWith(5 - 20)).toEqual([])
      expect(issuesWith(5 - 21)).toMatchObject([{ at: 5 }])
      expect(issuesWith(5, false)).toMatchObject([{ at: 5 }])
    }
  })

  it('believes only exact progress', () => {
    const history = goodHistory()
    recordsOf(history, 'key').splice(2, 0, { type: 'progress', revision: 6, isExact: false })
    expect(validate(history, decode)).toEqual([])
    recordsOf(history, 'key').splice(2, 1, { type: 'progress', revision: 6, isExact: true })
    expect(validate(history, decode).map(({ validator }) => validator)).toContain('bookmarkable')
  })
})

describe('a watch over several stores', () => {
  /** A second store with the same id, as a restored one has, that shares the first revision with the old one. */
  const restored = (clusterId: string): Mutable<History> => {
    const [old, store] = [new ModelStore(), new ModelStore(clusterId)]
    for (const one of [old, store]) one.write({ '/a': 'shared' })
    old.write({ '/a': 'lost' })
    old.write({ '/a': 'lost too' })
    store.write({ '/b': 'new' })
    store.write({ '/b': 'newer' })
    const [before, after] = [old.history(), store.history()]
    const watch = { name: 'watch', key: '/', rangeEnd: '0', prevKv: true, completeUntil: 4 }
    const records = [
      created(2),
      ...deliveries(before, watch, 2, 4),
      { type: 'clusterChanged' as const, reason: 'revision_went_back' },
      { type: 'ended' as const, code: 'cluster_changed' },
      list(after, watch, 3),
      created(4, clusterId),
      ...deliveries(after, watch, 4, 4),
    ]
    const history: History = {
      epochs: [before, after],
      writes: [],
      configs: [],
      watches: [{ ...watch, records }],
    }
    return structuredClone(history) as Mutable<History>
  }

  it.each(['1', '2'])('is judged by each of them, the second with id %s', (clusterId) => {
    expect(describeViolations(validate(restored(clusterId), decode))).toBe('')
  })

  it('may not go on into another store without a word', () => {
    const history = restored('2')
    history.watches[0]!.records.splice(4, 4)
    expect(validate(history, decode).map(({ validator }) => validator)).toContain('reliable')
  })

  it('may not mix a list of one with the changes of the other', () => {
    const history = restored('1')
    const listed = history.watches[0]!.records[6] as Listed
    listed.entries = structuredClone(history.epochs[0]!.final!.entries)
    expect(validate(history, decode).map(({ validator }) => validator)).toContain('reliable')
  })
})
