import { describe, expect, it } from 'vitest'
import type { ConfigRecord, History } from '../history.ts'
import { examine } from './evidence.ts'
import {
  decode,
  goodHistory,
  ModelStore,
  type Mutable,
  rejected,
  servedAt,
  servings,
  toldOf,
} from './model-history.test.kit.ts'
import { validate, validators } from './validate.ts'

type Value = { port?: number; name?: string; flags?: Record<string, boolean> }

const valueAt = (history: Mutable<History>, revision: number): Value =>
  servedAt(history, revision).value as Value

const dropAt = (history: Mutable<History>, revision: number) => {
  const told = toldOf(history)
  told.splice(told.indexOf(servedAt(history, revision)), 1)
}

/** A run whose configuration saw nothing from a revision on but what it says at the end. */
const endedAt = (history: Mutable<History>, revision: number) => {
  const [config, store] = [history.configs[0]!, history.epochs[0]!]
  config.records = servings(store, config, (each) => each <= revision) as Mutable<ConfigRecord>[]
}

/** What breaks each rule, and the revision that the violation has to name. */
const cases: Record<
  string,
  readonly (readonly [what: string, at: number, spoil: (history: Mutable<History>) => unknown])[]
> = {
  'config-equals-tree': [
    ['another value when loaded', 2, (h) => (valueAt(h, 2).port = 2)],
    ['another value in a change', 6, (h) => (valueAt(h, 6).port = 4)],
    ['a leaf too many', 8, (h) => (valueAt(h, 8).name = 'a')],
    ['a leaf too few', 7, (h) => delete valueAt(h, 7).flags],
    ['half of a transaction', 3, (h) => delete valueAt(h, 3).name],
    ['the lower overlay', 3, (h) => (valueAt(h, 3).port = 1)],
    ['the value of another revision', 4, (h) => (servedAt(h, 3).revision = 4)],
    ['a tree that is not valid', 5, (h) => (servedAt(h, 4).revision = 5)],
    ['another value at the end', 8, (h) => ((toldOf(h).at(-1) as { value: Value }).value = { port: 9 })],
  ],
  'revisions-never-go-back': [
    ['a lower revision', 2, (h) => (servedAt(h, 4).revision = 2)],
    ['a lower epoch', 3, (h) => (servedAt(h, 2).epoch = 1)],
    ['a version twice', 4, (h) => (servedAt(h, 4).version = 2)],
    ['a lower version at the end', 8, (h) => ((toldOf(h).at(-1) as { version: number }).version = 1)],
    ['a lower revision at the end', 7, (h) => ((toldOf(h).at(-1) as { revision: number }).revision = 7)],
    ['a rejection of what came before', 3, (h) => toldOf(h).splice(3, 1, rejected(3))],
    ['a change to before what was rejected', 6, (h) => toldOf(h).splice(3, 1, rejected(7))],
  ],
  'none-withheld': [
    ['the newest valid tree not served', 8, (h) => endedAt(h, 7)],
    ['all since the beginning', 8, (h) => endedAt(h, 2)],
    ['another value than the newest', 8, (h) => ((toldOf(h).at(-1) as { value: Value }).value = { port: 9 })],
    [
      'the newest store not taken up',
      2,
      (h) => {
        const store = new ModelStore('2')
        store.write({ '/c/base/port': '3', '/c/base/flags/a': 'true' })
        h.epochs.push(structuredClone(store.history()) as Mutable<History>['epochs'][number])
      },
    ],
    [
      'the last valid tree, where the newest is not valid',
      4,
      (h) => {
        h.epochs[0]!.revisions.splice(4)
        h.epochs[0]!.compactions = []
        endedAt(h, 3)
        toldOf(h).push(rejected(5), toldOf(h).pop()!)
      },
    ],
    [
      'the last valid tree, and the newest not rejected',
      5,
      (h) => {
        h.epochs[0]!.revisions.splice(4)
        endedAt(h, 4)
      },
    ],
  ],
  'rejected-were-invalid': [
    ['a valid tree rejected', 6, (h) => ((toldOf(h)[3] as { revision: number }).revision = 6)],
    ['no reason', 5, (h) => ((toldOf(h)[3] as { issues: unknown[] }).issues = [])],
    ['the same twice', 5, (h) => toldOf(h).splice(3, 0, rejected(5))],
  ],
  'nothing-without-difference': [
    ['a change to the same value', 6, (h) => (servedAt(h, 6).previous = servedAt(h, 6).value)],
    ['a path too many', 6, (h) => servedAt(h, 6).changed!.push(['name'])],
    ['a path too few', 3, (h) => servedAt(h, 3).changed!.pop()],
    ['a folder in the place of its leaf', 7, (h) => (servedAt(h, 7).changed = [['flags']])],
    ['another value before', 6, (h) => (servedAt(h, 6).previous = { port: 7, name: 'a' })],
    ['a change that was not told before it', 6, (h) => dropAt(h, 4)],
    ['a change that was not told before the end', 8, (h) => toldOf(h).splice(-2, 1)],
  ],
}

for (const [name, table] of Object.entries(cases)) {
  describe(`${name}, of what a configuration served and told`, () => {
    it.each(table)('reports %s', (_, at, spoil) => {
      const history = goodHistory()
      spoil(history)
      const found = validators[name]!(examine(history, decode))
      expect(found.map((violation) => violation.at)).toContain(at)
      expect(new Set(found.map(({ validator }) => validator))).toEqual(new Set([name]))
    })
  })
}

describe('every validator of configurations', () => {
  it('lets a configuration leave out states on the way', () => {
    const history = goodHistory()
    const [config, store] = [history.configs[0]!, history.epochs[0]!]
    config.records = servings(store, config, (each) => ![3, 5, 6].includes(each)) as Mutable<ConfigRecord>[]
    expect(validate(history, decode)).toEqual([])
  })

  it('lets the value of a revision be served at a later one that changed nothing', () => {
    const history = goodHistory()
    history.configs[0]!.root = '/other'
    history.configs[0]!.overlays = []
    const value = { valid: true, value: {} } as const
    history.configs[0]!.records = [
      { type: 'served', how: 'loaded', epoch: 0, version: 1, revision: 8, value: {} },
    ]
    expect(validate(history, () => value)).toEqual([])
  })

  it('lets the last valid tree be passed over where a compaction may have hidden it', () => {
    const history = goodHistory()
    history.epochs[0]!.revisions.splice(4)
    history.epochs[0]!.compactions = [4]
    endedAt(history, 3)
    toldOf(history).push(rejected(5), toldOf(history).pop()!)
    expect(validators['none-withheld']!(examine(history, decode))).toEqual([])
  })

  it('lets the same be rejected again after it was mended in between', () => {
    const store = new ModelStore()
    store.write({ '/c/port': '1' })
    store.write({ '/c/port': undefined })
    store.write({ '/c/port': '1' })
    store.write({ '/c/port': undefined })
    const config = { name: 'config', root: '/c', overlays: [] }
    const good: History = {
      epochs: [store.history()],
      writes: [],
      watches: [],
      configs: [{ ...config, records: servings(store.history(), config) }],
    }
    const history = structuredClone(good) as Mutable<History>
    const [first, again] = toldOf(history).filter((each) => each.type === 'rejected')
    again!.issues = first!.issues
    expect(validate(history, decode)).toEqual([])
    history.epochs[0]!.revisions.splice(2, 1)
    const found = validators['rejected-were-invalid']!(examine(history, decode))
    expect(found).toMatchObject([{ at: 5, what: expect.stringContaining('said again') }])
  })

  it('finds the store of an epoch by what it is told', () => {
    const history = goodHistory()
    const unrelated = structuredClone(new ModelStore('0').history()) as Mutable<History>['epochs'][number]
    history.epochs.unshift(unrelated)
    expect(validate(history, decode)).not.toEqual([])
    history.configs[0]!.stores = [1]
    expect(validate(history, decode)).toEqual([])
  })
})
